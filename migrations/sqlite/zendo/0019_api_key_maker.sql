-- The API token that a key's secret was made with, and ends with; null for one that somebody signed in has made.
ALTER TABLE zendo_api_key_digest ADD COLUMN made_with_id CHAR(32);
ALTER TABLE zendo_api_key_digest ADD COLUMN made_with TEXT;
ALTER TABLE zendo_api_key_digest ADD COLUMN expires DATETIME;
