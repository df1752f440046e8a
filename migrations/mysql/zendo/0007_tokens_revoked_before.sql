-- All API tokens of an account up to a moment were taken back (src/auth/revocation.rs).
CREATE TABLE IF NOT EXISTS zendo_tokens_revoked_before (
    user_id CHAR(32) NOT NULL PRIMARY KEY,
    revoked_before DATETIME(6) NOT NULL,
    revoked_ms BIGINT NOT NULL,
    INDEX ix_zendo_tokens_revoked_before_revoked_ms (revoked_ms)
);
