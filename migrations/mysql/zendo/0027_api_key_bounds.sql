-- When a key's secrets end, and where the key may be used from (src/accounts/key_bounds.rs). A key without a row never
-- ends by itself, and is good everywhere.
CREATE TABLE IF NOT EXISTS zendo_api_key_bounds (
    api_key_id CHAR(32) NOT NULL PRIMARY KEY,
    -- Seconds that each secret lives.
    lifetime BIGINT,
    -- The generation whose end is the first of the two.
    generation BIGINT NOT NULL,
    expires DATETIME,
    previous_expires DATETIME,
    addresses TEXT,
    -- When the next warning of the end is due, in seconds since 1970.
    next_warning BIGINT,
    INDEX ix_zendo_api_key_bounds_next_warning (next_warning)
);
