-- The token it was made from, and the one whose revocation took it along (src/auth/register.rs).
ALTER TABLE zendo_api_token ADD COLUMN parent_id CHAR(32);
ALTER TABLE zendo_api_token ADD COLUMN revoked_with CHAR(32);
CREATE INDEX ix_zendo_api_token_parent_id ON zendo_api_token (parent_id);
CREATE INDEX ix_zendo_api_token_revoked_with ON zendo_api_token (revoked_with) WHERE revoked_with IS NOT NULL;
