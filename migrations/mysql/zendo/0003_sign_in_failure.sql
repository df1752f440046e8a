CREATE TABLE IF NOT EXISTS zendo_sign_in_failure (
    subject CHAR(64) NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_failure_ms BIGINT NOT NULL
);
