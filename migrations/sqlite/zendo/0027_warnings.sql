-- What somebody should look at (src/warnings). The id grows with time; `once` says what is told once, whatever the number
-- of replicas.
CREATE TABLE zendo_warning (
    id CHAR(32) NOT NULL PRIMARY KEY,
    created DATETIME NOT NULL,
    once VARCHAR(160) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    text TEXT NOT NULL,
    user_id CHAR(32),
    subject_kind VARCHAR(32) NOT NULL,
    subject_id CHAR(32) NOT NULL,
    subject_name VARCHAR(255) NOT NULL,
    details TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX ux_zendo_warning_once ON zendo_warning (once);
CREATE INDEX ix_zendo_warning_user_id ON zendo_warning (user_id);
-- Webhooks that are still to be sent, one row a warning and receiver.
CREATE TABLE zendo_warning_delivery (
    id CHAR(32) NOT NULL PRIMARY KEY,
    warning_id CHAR(32) NOT NULL,
    receiver CHAR(64) NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ix_zendo_warning_delivery_receiver_due ON zendo_warning_delivery (receiver, due);
-- From which networks an API token was used.
CREATE TABLE zendo_token_network (
    token_id CHAR(32) NOT NULL,
    network VARCHAR(64) NOT NULL,
    first_used DATETIME NOT NULL,
    last_used DATETIME NOT NULL,
    PRIMARY KEY (token_id, network)
) WITHOUT ROWID;
