//! Service connectors by the commands of the unmodified `zenml` 0.98.0 client.

use crate::support::{AS_ADMIN, ClientProgram, Database, FarSide, TestApp, keeps_its_promises};

on_each_store! {
    the_clients_commands_keep_service_connectors,
    the_clients_commands_reach_a_registry_a_cluster_and_an_api,
}

async fn the_clients_commands_keep_service_connectors(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("connectors", &[], &app.url()).await;
}

async fn the_clients_commands_reach_a_registry_a_cluster_and_an_api(database: Database) {
    let far_sides = tokio::join!(
        FarSide::registry("robot", "a robot's password"),
        FarSide::cluster(&[]),
        FarSide::openid_provider()
    );
    let (Some(registry), Some(cluster), Some(provider)) = far_sides else { return };
    // They are on this machine.
    let app = TestApp::start_with(&database, &[("ZENDO_CONNECTOR_NETWORKS", "127.0.0.1,::1")]).await;
    let authority = cluster.base64("ca.pem");
    let of_far_sides = [
        ("REGISTRY", registry.url().trim_start_matches("http://")),
        ("CLUSTER", cluster.url()),
        ("CLUSTER_CA", &authority),
        ("PROVIDER", provider.url()),
    ];
    let variables = [&AS_ADMIN, &of_far_sides[..]].concat();
    if let Some(program) = ClientProgram::start("connected", &[], &app.url(), &variables) {
        program.keeps_its_promises().await;
    }
    // Each credential that was given out is on record, and says nothing of it.
    let admin = app.signed_in().await;
    let records = admin.get("/api/v1/audit?action=connector_used&size=100").await.expect_ok();
    let text = records.to_string();
    assert!(records["total"].as_u64().unwrap() >= 4, "{text}");
    assert!(!text.contains("robot's") && !text.contains("account's"), "{text}");
}
