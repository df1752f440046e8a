-- What the account was like when the token was made (src/auth/standing.rs); none for older tokens.
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_api_token' AND column_name = 'generation');
SET @statement = IF(@is_there > 0, 'DO 0', 'ALTER TABLE zendo_api_token ADD COLUMN generation BIGINT');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_api_token' AND column_name = 'password_changed');
SET @statement = IF(@is_there > 0, 'DO 0', 'ALTER TABLE zendo_api_token ADD COLUMN password_changed DATETIME(6)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
