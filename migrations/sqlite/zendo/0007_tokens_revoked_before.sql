-- All API tokens of an account up to a moment were taken back (src/auth/revocation.rs).
CREATE TABLE zendo_tokens_revoked_before (
    user_id CHAR(32) NOT NULL PRIMARY KEY,
    revoked_before DATETIME NOT NULL,
    revoked_ms BIGINT NOT NULL
);
CREATE INDEX ix_zendo_tokens_revoked_before_revoked_ms ON zendo_tokens_revoked_before (revoked_ms);
