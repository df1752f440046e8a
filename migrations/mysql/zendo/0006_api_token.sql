-- One row a token made by GET /api/v1/api_token (src/resources/api_tokens). The id is the token's jti, which grows with
-- time, so that rows are appended and the oldest are swept from the front.
CREATE TABLE IF NOT EXISTS zendo_api_token (
    id CHAR(32) NOT NULL PRIMARY KEY,
    created DATETIME(6) NOT NULL,
    name VARCHAR(255) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    user_id CHAR(32) NOT NULL,
    proven DATETIME(6) NOT NULL,
    expires DATETIME(6),
    scope TEXT,
    projects TEXT,
    device_id CHAR(32),
    api_key_id CHAR(32),
    schedule_id CHAR(32),
    pipeline_run_id CHAR(32),
    deployment_id CHAR(32),
    address VARCHAR(64),
    user_agent VARCHAR(255),
    last_used DATETIME(6),
    INDEX ix_zendo_api_token_user_id (user_id)
);
