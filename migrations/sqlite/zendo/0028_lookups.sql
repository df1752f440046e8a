-- Where lists find things that ZenML's tables tell only to those who read all of them (src/lookups): what was logged, by its
-- value, and artifact versions that no step has made or read.
CREATE TABLE zendo_logged_value (
    link_id CHAR(32) NOT NULL PRIMARY KEY,
    resource_type VARCHAR(255) NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    sorted VARCHAR(64) NOT NULL,
    resource_id CHAR(32) NOT NULL
) WITHOUT ROWID;
CREATE INDEX ix_zendo_logged_value_sorted ON zendo_logged_value (resource_type, "key", sorted, resource_id);
CREATE TABLE zendo_unused_version (
    artifact_version_id CHAR(32) NOT NULL PRIMARY KEY
) WITHOUT ROWID;
