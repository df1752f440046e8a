-- The place of a revocation in the order in which they were committed, which no clock can change
-- (src/auth/revocation/stream.rs). Rows from before have none.
ALTER TABLE zendo_revoked_token ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
-- Whose token it was, where it had no end of its own: such rows are bounded by account.
ALTER TABLE zendo_revoked_token ADD COLUMN user_id CHAR(32);
CREATE INDEX ix_zendo_revoked_token_position ON zendo_revoked_token (position, revoked_ms);
CREATE INDEX ix_zendo_revoked_token_user_id ON zendo_revoked_token (user_id, jti) WHERE user_id IS NOT NULL;
CREATE INDEX ix_zendo_revoked_token_expires ON zendo_revoked_token (expires) WHERE expires IS NOT NULL;
ALTER TABLE zendo_tokens_revoked_before ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
CREATE INDEX ix_zendo_tokens_revoked_before_position ON zendo_tokens_revoked_before (position, revoked_ms);
-- Of an account whose endless tokens were revoked by the thousands: all of them up to this one are over.
CREATE TABLE zendo_revoked_up_to (
    user_id CHAR(32) NOT NULL PRIMARY KEY,
    jti CHAR(32) NOT NULL,
    position BIGINT NOT NULL,
    revoked_ms BIGINT NOT NULL
);
CREATE INDEX ix_zendo_revoked_up_to_position ON zendo_revoked_up_to (position, revoked_ms);
