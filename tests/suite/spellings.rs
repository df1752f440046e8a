//! Flags and numbers of bodies as scripts, shells and forms write them: read as what was meant.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Database, Lab, TestApp};

on_each_store! {
    what_is_written_in_another_way_is_what_was_meant,
    of_a_field_that_stands_twice_the_last_counts,
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

async fn of_a_field_that_stands_twice_the_last_counts(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let admin = lab.caller.clone().with("content-type", "application/json");
    let post = async |path: &str, body: &str| {
        admin.request(Method::POST, &format!("/api/v1{path}"), body.to_owned()).await
    };
    let put = async |path: &str, body: &str| {
        admin.request(Method::PUT, &format!("/api/v1{path}"), body.to_owned()).await
    };
    // Fields of the body itself, the first of which may be anything.
    post("/users", r#"{"name": 5, "is_admin": true, "password": "x", "is_admin": false, "name": "eve"}"#)
        .await
        .expect_ok();
    let eve = put("/users/eve", r#"{"full_name": "E", "full_n\u0061me": "Eve"}"#).await.expect_ok();
    assert_eq!((&eve["body"]["full_name"], &eve["body"]["is_admin"]), (&json!("Eve"), &json!(false)));
    put("/users/eve", r#"{"full_name": "Eve", "full_name": 5}"#).await.expect(422, "'full_name'");
    let tag =
        post("/tags", r#"{"name": "a", "color": "none", "color": "red", "name": "t"}"#).await.expect_ok();
    assert_eq!((&tag["name"], &tag["body"]["color"]), (&json!("t"), &json!("red")));
    let settings =
        put("/settings", r#"{"display_updates": "x", "display_updates": false}"#).await.expect_ok();
    assert_eq!(settings["body"]["display_updates"], false);
    let machine =
        post("/service_accounts", r#"{"name": "a", "name": "ci", "active": 5, "active": true}"#).await;
    let keys = format!("/service_accounts/{}/api_keys", machine.expect_ok()["id"].as_str().unwrap());
    let key = post(&keys, r#"{"name": "a", "name": "k"}"#).await.expect_ok();
    assert_eq!(key["name"], "k");
    // What is kept as it was sent is kept without the first.
    let values =
        r#"{"name": "s", "values": {"z": "0"}, "values": {"a": "1", "b": "2", "a": "3", "\u0062": "4"}}"#;
    let secret = post("/secrets", values).await.expect_ok();
    assert_eq!(secret["body"]["values"], json!({"a": "3", "b": "4"}));
    let source = r#"{"module": "x", "module": "m", "attribute": "A", "type": "user"}"#;
    let config = r#"{"a": 1, "a": {"b": [1], "b": [{"c": 7, "c": 12345678901234567890123}]}}"#;
    let project = &lab.project;
    let body = format!(r#"{{"project": {project}, "name": "r", "source": {source}, "config": {config}}}"#);
    let repository = post("/code_repositories", &body).await;
    repository.expect(200, r#""config":{"a": {"b": [{"c": 12345678901234567890123}]}}"#);
    assert_eq!(repository.json()["body"]["source"]["module"], "m");
    let labels = r#"{"name": "c", "type": "orchestrator", "flavor": "local", "configuration": {},
        "labels": {"a": "1", "a": "2"}}"#;
    assert_eq!(post("/components", labels).await.expect_ok()["metadata"]["labels"], json!({"a": "2"}));
    // In models within models, in lists, and in bodies that are lists.
    let extra = json!({"pipeline_configuration": {"name": "x", "extra": "HERE", "retry": "RETRY"}});
    let (stack, pipeline) = (&lab.stack, &lab.pipeline);
    let start = format!(
        r#"{{"project": {project}, "stack": {stack}, "pipeline": {pipeline}, "run_name_template": "x", "#
    );
    let snapshot = (start + &extra.to_string()[1..])
        .replace(r#""HERE""#, r#"{"a": 1, "a": {"b": 1, "b": 2}}"#)
        .replace(r#""RETRY""#, r#"{"delay": "x", "delay": 3}"#);
    let snapshot = post("/pipeline_snapshots", &snapshot).await;
    snapshot.expect(200, r#""extra":{"a": {"b": 2}}"#);
    assert_eq!(snapshot.json()["metadata"]["pipeline_configuration"]["retry"]["delay"], 3);
    let (tag, pipeline) = (&tag["id"], &lab.pipeline);
    let links = format!(
        r#"[{{"tag_id": 5, "tag_id": {tag}, "resource_id": {pipeline}, "resource_type": "x", "resource_type": "pipeline"}}]"#
    );
    post("/tag_resources/batch", &links).await.expect_ok();
    let run = lab.run("one", json!({})).await;
    let step = lab.step(&run, "load", json!({})).await;
    let heartbeat = format!("/steps/{}/heartbeat", step["id"].as_str().unwrap());
    put(&heartbeat, r#"{"a": 1, "a": 2}"#).await.expect_ok();
    // What is no JSON stays none.
    for wrong in
        [r#"{"name": tru, "name": "w"}"#, r#"{"name": "v", "name": "w""#, r#"{"name": "v", "name": "w"}}"#]
    {
        post("/tags", wrong).await.expect(422, "");
    }
}
