//! Flags and numbers of bodies as scripts, shells and forms write them: read as what was meant.

use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp};

on_each_store! {
    what_is_written_in_another_way_is_what_was_meant,
}

async fn made(caller: &Caller, path: &str, body: Value) -> Value {
    caller.post(path, body).await.expect_ok()
}

async fn what_is_written_in_another_way_is_what_was_meant(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    // Accounts.
    let user = made(&admin, "/api/v1/users", json!({"name": "eve", "is_admin": "no", "password": "x"})).await;
    assert_eq!(user["body"]["is_admin"], false);
    let user = admin.put("/api/v1/users/eve", json!({"is_admin": 1.0, "active": "off"})).await.expect_ok();
    assert_eq!((&user["body"]["is_admin"], &user["body"]["active"]), (&json!(true), &json!(false)));
    let machine = made(&admin, "/api/v1/service_accounts", json!({"name": "ci", "active": "true"})).await;
    assert_eq!(machine["body"]["active"], true);
    let keys = format!("/api/v1/service_accounts/{}/api_keys", machine["id"].as_str().unwrap());
    made(&admin, &keys, json!({"name": "k"})).await;
    admin.put(&format!("{keys}/k/rotate"), json!({"retain_period_minutes": "60"})).await.expect_ok();
    let rotated = admin.get(&format!("{keys}/k?hydrate=true")).await.expect_ok();
    assert_eq!(rotated["metadata"]["retain_period_minutes"], 60);
    // Settings.
    let settings = admin.put("/api/v1/settings", json!({"display_updates": "n"})).await.expect_ok();
    assert_eq!(settings["body"]["display_updates"], false);
    admin.put("/api/v1/settings", json!({"display_updates": 2})).await.expect(422, "expected a boolean");
    // Things of a project, and within others.
    let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let build = made(
        &admin,
        "/api/v1/pipeline_builds",
        json!({"project": project, "is_local": "1", "contains_code": "f", "duration": 12.0,
            "images": {"a": {"image": "x", "contains_code": 0, "requires_code_download": "yes"}}}),
    )
    .await;
    let metadata = &build["metadata"];
    assert_eq!((&metadata["is_local"], &metadata["contains_code"]), (&json!(true), &json!(false)));
    assert_eq!(metadata["duration"], 12);
    let image = &metadata["images"]["a"];
    assert_eq!((&image["contains_code"], &image["requires_code_download"]), (&json!(false), &json!(true)));
    let source = json!({"module": "a", "attribute": "B", "type": "user"});
    let version = |version: Value| {
        json!({"project": project, "artifact_name": "a", "type": "DataArtifact", "uri": "/x", "save_type": "manual",
            "materializer": source, "data_type": source, "version": version, "item_count": "1_0"})
    };
    for (sent, name, number) in
        [(json!(7.0), "7", json!(7)), (json!(true), "1", json!(1)), (json!("x"), "x", Value::Null)]
    {
        let made = made(&admin, "/api/v1/artifact_versions", version(sent)).await;
        assert_eq!(made["body"]["version"], name);
        assert_eq!(made["body"]["item_count"], 10);
        let found = admin.get(&format!("/api/v1/artifact_versions?version={name}")).await.expect_ok();
        assert_eq!(found["total"], 1, "{number}");
    }
    // A list is no object, and a text no number.
    admin.post("/api/v1/tags", json!(["t", true])).await.expect(422, "dictionary");
    let images = json!({"project": project, "is_local": true, "contains_code": true, "images": {"a": ["x"]}});
    admin.post("/api/v1/pipeline_builds", images).await.expect(422, "'images', 'a'");
    admin.post("/api/v1/tags", json!({"name": 5})).await.expect(422, "'name'");
}
