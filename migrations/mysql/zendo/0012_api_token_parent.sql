-- The token it was made from, and the one whose revocation took it along (src/auth/register.rs).
SET @is_there = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'zendo_api_token' AND column_name = 'parent_id');
SET @statement = IF(@is_there > 0, 'DO 0',
    'ALTER TABLE zendo_api_token ADD COLUMN parent_id CHAR(32), ADD COLUMN revoked_with CHAR(32),
        ADD INDEX ix_zendo_api_token_parent_id (parent_id), ADD INDEX ix_zendo_api_token_revoked_with (revoked_with)');
PREPARE adding FROM @statement;
EXECUTE adding;
DEALLOCATE PREPARE adding;
