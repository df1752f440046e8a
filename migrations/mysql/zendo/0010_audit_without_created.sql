-- The ids are in the order of time, and bound what `created` is asked for. MySQL can't drop what may be gone already,
-- as it is after a start that was cut short here.
SET @is_there = (SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()
    AND table_name = 'zendo_audit' AND index_name = 'ix_zendo_audit_created');
SET @statement = IF(@is_there > 0, 'ALTER TABLE zendo_audit DROP INDEX ix_zendo_audit_created', 'DO 0');
PREPARE dropping FROM @statement;
EXECUTE dropping;
DEALLOCATE PREPARE dropping;
