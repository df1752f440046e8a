-- What ends a token besides its own time: the secret of the key it was made with, and the run that its run is part of.
ALTER TABLE zendo_api_token ADD COLUMN key_gen BIGINT;
ALTER TABLE zendo_api_token ADD COLUMN root_run_id CHAR(32);
