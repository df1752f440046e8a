-- Keys that tokens are signed with. What a key does follows from its moments, in milliseconds since 1970.
CREATE TABLE zendo_signing_key (
    kid CHAR(32) NOT NULL PRIMARY KEY,
    algorithm VARCHAR(16) NOT NULL,
    public_jwk TEXT NOT NULL,
    private_key TEXT,
    created_ms BIGINT NOT NULL,
    signs_from_ms BIGINT NOT NULL,
    retired_ms BIGINT
);
