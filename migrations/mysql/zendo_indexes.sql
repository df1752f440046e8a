-- Generated from tests/contract/schema.json by tests/contract/make_migrations.py.
CREATE INDEX `zendo_ix_webhook_project_id_created_id` ON `webhook` (`project_id`, `created`, `id`);
CREATE INDEX `zendo_ix_artifact_version_artifact_id_created_version_number` ON `artifact_version` (`artifact_id`, `created`, `version_number`);
CREATE INDEX `zendo_uri_artifact_version` ON `artifact_version` (`uri`(255));
CREATE INDEX `zendo_uri_artifact_visualization` ON `artifact_visualization` (`uri`(255));
CREATE INDEX `zendo_uri_pipeline_snapshot` ON `pipeline_snapshot` (`code_path`(255));
CREATE INDEX `zendo_ix_step_run_project_id_created_id` ON `step_run` (`project_id`, `created`, `id`);
CREATE INDEX `zendo_uri_logs` ON `logs` (`uri`(255));
