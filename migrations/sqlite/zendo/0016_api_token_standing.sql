-- What the account was like when the token was made (src/auth/standing.rs); none for older tokens.
ALTER TABLE zendo_api_token ADD COLUMN generation BIGINT;
ALTER TABLE zendo_api_token ADD COLUMN password_changed DATETIME;
