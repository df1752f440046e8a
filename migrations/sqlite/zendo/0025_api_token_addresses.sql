-- The networks that a token may be used from, with commas between; null for all.
ALTER TABLE zendo_api_token ADD COLUMN addresses TEXT;
