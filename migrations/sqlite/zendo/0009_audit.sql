-- What was done and by whom (docs/audit.md). The ids are in the order of time, so that rows are added at the end.
CREATE TABLE zendo_audit (
    id CHAR(32) NOT NULL PRIMARY KEY,
    created DATETIME NOT NULL,
    action VARCHAR(32) NOT NULL,
    result VARCHAR(16) NOT NULL,
    reason VARCHAR(255),
    times INTEGER NOT NULL,
    user_id CHAR(32),
    user_name VARCHAR(255),
    credential VARCHAR(32) NOT NULL,
    token_id CHAR(32),
    api_key_id CHAR(32),
    device_id CHAR(32),
    subject_kind VARCHAR(32),
    subject_id CHAR(32),
    subject_name VARCHAR(255),
    address VARCHAR(45),
    user_agent VARCHAR(255),
    request_id VARCHAR(128),
    details TEXT
) WITHOUT ROWID;
CREATE INDEX ix_zendo_audit_created ON zendo_audit (created);
