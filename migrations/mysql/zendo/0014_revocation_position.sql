-- The place of a revocation in the order in which they were committed, which no clock can change
-- (src/auth/revocation/stream.rs). Rows from before have none. MySQL commits each statement on its own, and knows no ADD
-- COLUMN IF NOT EXISTS: what is there already, after a start that was cut short here, is left.
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_revoked_token' AND column_name = 'position');
SET @statement = IF(@is_there > 0, 'DO 0', 'ALTER TABLE zendo_revoked_token ADD COLUMN position BIGINT NOT NULL DEFAULT 0');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
-- Whose token it was, where it had no end of its own: such rows are bounded by account.
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_revoked_token' AND column_name = 'user_id');
SET @statement = IF(@is_there > 0, 'DO 0', 'ALTER TABLE zendo_revoked_token ADD COLUMN user_id CHAR(32)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
SET @is_there = (SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()
    AND table_name = 'zendo_revoked_token' AND index_name = 'ix_zendo_revoked_token_position');
SET @statement = IF(@is_there > 0, 'DO 0', 'CREATE INDEX ix_zendo_revoked_token_position ON zendo_revoked_token (position, revoked_ms)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
SET @is_there = (SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()
    AND table_name = 'zendo_revoked_token' AND index_name = 'ix_zendo_revoked_token_user_id');
SET @statement = IF(@is_there > 0, 'DO 0', 'CREATE INDEX ix_zendo_revoked_token_user_id ON zendo_revoked_token (user_id, jti)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
SET @is_there = (SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()
    AND table_name = 'zendo_revoked_token' AND index_name = 'ix_zendo_revoked_token_expires');
SET @statement = IF(@is_there > 0, 'DO 0', 'CREATE INDEX ix_zendo_revoked_token_expires ON zendo_revoked_token (expires)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_tokens_revoked_before' AND column_name = 'position');
SET @statement = IF(@is_there > 0, 'DO 0', 'ALTER TABLE zendo_tokens_revoked_before ADD COLUMN position BIGINT NOT NULL DEFAULT 0');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
SET @is_there = (SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()
    AND table_name = 'zendo_tokens_revoked_before' AND index_name = 'ix_zendo_tokens_revoked_before_position');
SET @statement = IF(@is_there > 0, 'DO 0', 'CREATE INDEX ix_zendo_tokens_revoked_before_position ON zendo_tokens_revoked_before (position, revoked_ms)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
-- Of an account whose endless tokens were revoked by the thousands: all of them up to this one are over.
CREATE TABLE IF NOT EXISTS zendo_revoked_up_to (
    user_id CHAR(32) NOT NULL PRIMARY KEY,
    jti CHAR(32) NOT NULL,
    position BIGINT NOT NULL,
    revoked_ms BIGINT NOT NULL,
    INDEX ix_zendo_revoked_up_to_position (position, revoked_ms)
);
