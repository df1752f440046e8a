CREATE TABLE zendo_secret (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    created DATETIME NOT NULL
);
