-- Tokens of others that were exchanged once (src/trusts/used.rs), by their digests, until they can't be any more.
CREATE TABLE zendo_used_subject_token (
    digest CHAR(64) NOT NULL PRIMARY KEY,
    ends_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ix_zendo_used_subject_token_ends_ms ON zendo_used_subject_token (ends_ms);
