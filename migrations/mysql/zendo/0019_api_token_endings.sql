-- What ends a token besides its own time: the secret of the key it was made with, and the run that its run is part of.
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_api_token' AND column_name = 'key_gen');
SET @statement = IF(@is_there > 0, 'DO 0',
    'ALTER TABLE zendo_api_token ADD COLUMN key_gen BIGINT, ADD COLUMN root_run_id CHAR(32)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
