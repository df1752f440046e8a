CREATE TABLE IF NOT EXISTS zendo_api_key_digest (
    key_hash VARCHAR(255) NOT NULL PRIMARY KEY,
    digest CHAR(64) NOT NULL,
    api_key_id CHAR(32) NOT NULL
);
