-- Whether a session ended alone: what was made from any other revoked token ended with it (src/auth/revocation.rs). MySQL
-- can't add what may be there already, as it is after a start that was cut short here.
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_revoked_token' AND column_name = 'alone');
SET @statement = IF(@is_there > 0, 'DO 0',
    'ALTER TABLE zendo_revoked_token ADD COLUMN alone BOOLEAN NOT NULL DEFAULT FALSE');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
