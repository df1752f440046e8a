-- Counts that no longer matter are swept, and looked up for that.
CREATE INDEX ix_zendo_sign_in_failure_last_failure_ms ON zendo_sign_in_failure (last_failure_ms);
