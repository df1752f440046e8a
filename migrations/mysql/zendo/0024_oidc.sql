-- Whom an OpenID provider knows as which account (src/accounts/identities.rs); `person` is a digest of issuer and subject.
CREATE TABLE IF NOT EXISTS zendo_identity (
    id CHAR(32) NOT NULL PRIMARY KEY,
    person CHAR(64) NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    email VARCHAR(255),
    user_id CHAR(32) NOT NULL,
    created DATETIME NOT NULL,
    last_sign_in DATETIME,
    UNIQUE INDEX ix_zendo_identity_person (person),
    INDEX ix_zendo_identity_user_id (user_id)
);
-- Sign-ins by a provider (src/login/oidc/sign_in_rows.rs): the tokens of each, what the provider calls its session (a digest),
-- and when it is asked again, in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS zendo_oidc_sign_in (
    id CHAR(32) NOT NULL PRIMARY KEY,
    user_id CHAR(32) NOT NULL,
    person CHAR(64) NOT NULL,
    provider_session CHAR(64),
    token_id CHAR(32) NOT NULL,
    console_token_id CHAR(32) NOT NULL,
    refresh_token TEXT,
    created DATETIME NOT NULL,
    expires DATETIME,
    check_ms BIGINT,
    INDEX ix_zendo_oidc_sign_in_user_id (user_id, id),
    INDEX ix_zendo_oidc_sign_in_person (person),
    INDEX ix_zendo_oidc_sign_in_provider_session (provider_session),
    INDEX ix_zendo_oidc_sign_in_check_ms (check_ms)
);
-- Which sign-in has approved a person's device, which ends with it.
CREATE TABLE IF NOT EXISTS zendo_oidc_device (
    client_id CHAR(32) NOT NULL,
    user_id CHAR(32) NOT NULL,
    sign_in_id CHAR(32) NOT NULL,
    PRIMARY KEY (client_id, user_id),
    INDEX ix_zendo_oidc_device_sign_in_id (sign_in_id)
);
