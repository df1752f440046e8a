//! Service connectors by the commands of the unmodified `zenml` 0.98.0 client.

use crate::support::{
    AS_ADMIN, ClientProgram, Database, FarSide, TestApp, client_libraries, has_kubectl, keeps_its_promises,
};

on_each_store! {
    the_clients_commands_keep_service_connectors,
    the_clients_commands_reach_a_registry_a_cluster_and_an_api,
    the_clients_own_libraries_serve_what_the_server_does_not_and_use_what_it_hands_out,
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

async fn the_clients_own_libraries_serve_what_the_server_does_not_and_use_what_it_hands_out(
    database: Database,
) {
    let (Some(libraries), true, Some(cluster)) =
        (client_libraries(), has_kubectl(), FarSide::cluster(&[]).await)
    else {
        return;
    };
    let app = TestApp::start_with(&database, &[("ZENDO_CONNECTOR_NETWORKS", "127.0.0.1,::1")]).await;
    let authority = cluster.base64("ca.pem");
    let more = [("CLUSTER", cluster.url()), ("CLUSTER_CA", &authority), (libraries.0, &libraries.1)];
    let variables = [&AS_ADMIN, &more[..]].concat();
    if let Some(program) = ClientProgram::start("own_libraries", &[], &app.url(), &variables) {
        program.keeps_its_promises().await;
    }
    // What the client did by itself is no use of the server's.
    let records = app.signed_in().await.get("/api/v1/audit?action=connector_used&size=100").await.expect_ok();
    let used = records["items"].as_array().unwrap();
    assert!(!used.is_empty() && used.iter().all(|record| record["subject_name"] == "lab"), "{records}");
}
