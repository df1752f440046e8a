CREATE TABLE zendo_revoked_token (
    jti CHAR(32) NOT NULL PRIMARY KEY,
    expires BIGINT,
    revoked_ms BIGINT NOT NULL
);
CREATE INDEX ix_zendo_revoked_token_revoked_ms ON zendo_revoked_token (revoked_ms);
