-- What somebody should look at (src/warnings). The id grows with time; `once` says what is told once, whatever the number
-- of replicas.
CREATE TABLE IF NOT EXISTS zendo_warning (
    id CHAR(32) NOT NULL PRIMARY KEY,
    created DATETIME(6) NOT NULL,
    once VARCHAR(160) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    text TEXT NOT NULL,
    user_id CHAR(32),
    subject_kind VARCHAR(32) NOT NULL,
    subject_id CHAR(32) NOT NULL,
    subject_name VARCHAR(255) NOT NULL,
    details TEXT NOT NULL,
    UNIQUE INDEX ux_zendo_warning_once (once),
    INDEX ix_zendo_warning_user_id (user_id)
);
-- Webhooks that are still to be sent, one row a warning and receiver.
CREATE TABLE IF NOT EXISTS zendo_warning_delivery (
    id CHAR(32) NOT NULL PRIMARY KEY,
    warning_id CHAR(32) NOT NULL,
    receiver CHAR(64) NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    INDEX ix_zendo_warning_delivery_receiver_due (receiver, due)
);
-- From which networks an API token was used.
CREATE TABLE IF NOT EXISTS zendo_token_network (
    token_id CHAR(32) NOT NULL,
    network VARCHAR(64) NOT NULL,
    first_used DATETIME(6) NOT NULL,
    last_used DATETIME(6) NOT NULL,
    PRIMARY KEY (token_id, network)
);
