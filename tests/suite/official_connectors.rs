//! Service connectors by the commands of the unmodified `zenml` 0.98.0 client.

use crate::support::{Database, TestApp, keeps_its_promises};

on_each_store! {
    the_clients_commands_keep_service_connectors,
}

async fn the_clients_commands_keep_service_connectors(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("connectors", &[], &app.url()).await;
}
