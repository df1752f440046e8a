-- Deliveries that webhooks have accepted (src/intake/deliveries.rs): digests of webhook and delivery id, for some days.
CREATE TABLE zendo_webhook_delivery (
    digest CHAR(64) NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (digest)
) WITHOUT ROWID;
CREATE INDEX ix_zendo_webhook_delivery_received_ms ON zendo_webhook_delivery (received_ms);
