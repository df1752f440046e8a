-- The ids are in the order of time, and bound what `created` is asked for.
DROP INDEX ix_zendo_audit_created;
