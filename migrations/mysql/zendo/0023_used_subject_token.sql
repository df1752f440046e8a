-- Tokens of others that were exchanged once (src/trusts/used.rs), by their digests, until they can't be any more.
CREATE TABLE IF NOT EXISTS zendo_used_subject_token (
    digest CHAR(64) NOT NULL PRIMARY KEY,
    ends_ms BIGINT NOT NULL,
    INDEX ix_zendo_used_subject_token_ends_ms (ends_ms)
);
