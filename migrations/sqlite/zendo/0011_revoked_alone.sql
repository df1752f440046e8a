-- Whether a session ended alone: what was made from any other revoked token ended with it (src/auth/revocation.rs).
ALTER TABLE zendo_revoked_token ADD COLUMN alone BOOLEAN NOT NULL DEFAULT FALSE;
