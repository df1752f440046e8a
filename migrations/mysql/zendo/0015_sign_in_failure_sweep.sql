-- Counts that no longer matter are swept, and looked up for that.
SET @is_there = (SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()
    AND table_name = 'zendo_sign_in_failure' AND index_name = 'ix_zendo_sign_in_failure_last_failure_ms');
SET @statement = IF(@is_there > 0, 'DO 0', 'CREATE INDEX ix_zendo_sign_in_failure_last_failure_ms ON zendo_sign_in_failure (last_failure_ms)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
