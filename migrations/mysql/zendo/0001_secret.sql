-- Each statement here may be run again harmlessly: a migration that was cut short is run from its start.
CREATE TABLE IF NOT EXISTS zendo_secret (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    created DATETIME NOT NULL
);
