-- The networks that a token may be used from, with commas between; null for all.
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_api_token' AND column_name = 'addresses');
SET @statement = IF(@is_there > 0, 'DO 0', 'ALTER TABLE zendo_api_token ADD COLUMN addresses TEXT');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
