-- The API token that a key's secret was made with, and ends with; null for one that somebody signed in has made.
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_api_key_digest' AND column_name = 'made_with');
SET @statement = IF(@is_there > 0, 'DO 0',
    'ALTER TABLE zendo_api_key_digest ADD COLUMN made_with_id CHAR(32), ADD COLUMN made_with TEXT, ADD COLUMN expires DATETIME');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
