CREATE TABLE IF NOT EXISTS zendo_revoked_token (
    jti CHAR(32) NOT NULL PRIMARY KEY,
    expires BIGINT,
    revoked_ms BIGINT NOT NULL,
    INDEX ix_zendo_revoked_token_revoked_ms (revoked_ms)
);
