-- Where an account has signed in before (src/auth/known_places.rs): digests of addresses and browsers, a few of each account.
CREATE TABLE IF NOT EXISTS zendo_known_place (
    user_id CHAR(32) NOT NULL,
    place CHAR(64) NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, place),
    INDEX ix_zendo_known_place_last_seen_ms (last_seen_ms)
);
