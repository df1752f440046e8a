-- Whom an OpenID provider knows as which account (src/accounts/identities.rs); `person` is a digest of issuer and subject.
CREATE TABLE zendo_identity (
    id CHAR(32) NOT NULL PRIMARY KEY,
    person CHAR(64) NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    email VARCHAR(255),
    user_id CHAR(32) NOT NULL,
    created DATETIME NOT NULL,
    last_sign_in DATETIME
) WITHOUT ROWID;
CREATE UNIQUE INDEX ix_zendo_identity_person ON zendo_identity (person);
CREATE INDEX ix_zendo_identity_user_id ON zendo_identity (user_id);
-- Sign-ins by a provider (src/login/oidc/sign_in_rows.rs): the tokens of each, what the provider calls its session (a digest),
-- and when it is asked again, in milliseconds since 1970.
CREATE TABLE zendo_oidc_sign_in (
    id CHAR(32) NOT NULL PRIMARY KEY,
    user_id CHAR(32) NOT NULL,
    person CHAR(64) NOT NULL,
    provider_session CHAR(64),
    token_id CHAR(32) NOT NULL,
    console_token_id CHAR(32) NOT NULL,
    refresh_token TEXT,
    created DATETIME NOT NULL,
    expires DATETIME,
    check_ms BIGINT
) WITHOUT ROWID;
CREATE INDEX ix_zendo_oidc_sign_in_user_id ON zendo_oidc_sign_in (user_id, id);
CREATE INDEX ix_zendo_oidc_sign_in_person ON zendo_oidc_sign_in (person);
CREATE INDEX ix_zendo_oidc_sign_in_provider_session ON zendo_oidc_sign_in (provider_session)
    WHERE provider_session IS NOT NULL;
CREATE INDEX ix_zendo_oidc_sign_in_check_ms ON zendo_oidc_sign_in (check_ms) WHERE check_ms IS NOT NULL;
-- Which sign-in has approved a person's device, which ends with it.
CREATE TABLE zendo_oidc_device (
    client_id CHAR(32) NOT NULL,
    user_id CHAR(32) NOT NULL,
    sign_in_id CHAR(32) NOT NULL,
    PRIMARY KEY (client_id, user_id)
) WITHOUT ROWID;
CREATE INDEX ix_zendo_oidc_device_sign_in_id ON zendo_oidc_device (sign_in_id);
