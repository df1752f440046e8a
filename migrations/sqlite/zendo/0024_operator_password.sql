-- Passwords that the operator has just set (src/accounts/operator_password.rs), in milliseconds since 1970.
CREATE TABLE zendo_operator_password (
    user_id CHAR(32) NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;
