-- Whose tokens are taken in exchange for one of a service account (src/trusts). What is exchanged by a rule is made from
-- its credential, and ends with it: a rule that comes to mean something else gets another one.
CREATE TABLE zendo_trust (
    id CHAR(32) NOT NULL PRIMARY KEY,
    created DATETIME NOT NULL,
    updated DATETIME NOT NULL,
    name VARCHAR(255) NOT NULL,
    description TEXT NOT NULL,
    user_id CHAR(32),
    service_account_id CHAR(32) NOT NULL,
    credential_id CHAR(32) NOT NULL,
    issuer VARCHAR(255) NOT NULL,
    jwks TEXT,
    audience VARCHAR(255) NOT NULL,
    conditions TEXT NOT NULL,
    scope TEXT,
    projects TEXT,
    addresses TEXT,
    expires_in BIGINT,
    active BOOLEAN NOT NULL,
    last_used DATETIME
) WITHOUT ROWID;
CREATE UNIQUE INDEX unique_zendo_trust_name ON zendo_trust (name);
CREATE INDEX ix_zendo_trust_issuer ON zendo_trust (issuer);
CREATE INDEX ix_zendo_trust_service_account_id ON zendo_trust (service_account_id);
