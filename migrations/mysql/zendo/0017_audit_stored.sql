-- When a record came into the store by the store's own clock: `zendo audit --follow` goes by it, since the ids are in the
-- order of the servers' clocks, which may be wrong. Older records have none. (SQLite's clock is that of its one machine.)
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_audit' AND column_name = 'stored');
SET @statement = IF(@is_there > 0, 'DO 0', 'ALTER TABLE zendo_audit ADD COLUMN stored TIMESTAMP(6) NULL');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
ALTER TABLE zendo_audit MODIFY COLUMN stored TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6);
SET @is_there = (SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()
    AND table_name = 'zendo_audit' AND index_name = 'ix_zendo_audit_stored');
SET @statement = IF(@is_there > 0, 'DO 0', 'CREATE INDEX ix_zendo_audit_stored ON zendo_audit (stored)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
