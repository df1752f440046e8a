//! The commands of the unmodified `zenml` 0.98.0 client for what the server keeps.

use crate::support::{Database, TestApp, keeps_its_promises};

on_each_store! {
    the_clients_commands_keep_stacks_secrets_tags_models_artifacts_runs_and_projects,
    the_clients_commands_keep_triggers_and_webhooks,
}

async fn the_clients_commands_keep_stacks_secrets_tags_models_artifacts_runs_and_projects(
    database: Database,
) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("commands", &[], &app.url()).await;
}

async fn the_clients_commands_keep_triggers_and_webhooks(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("triggers", &[], &app.url()).await;
}
