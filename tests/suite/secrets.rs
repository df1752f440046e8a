//! Secrets: encrypted at rest, never in a log, and nobody else's when they are private.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Caller, Database, Program, TestApp};

on_each_store! {
    values_are_encrypted_at_rest,
    a_public_name_is_taken_once_for_all,
    without_a_store_of_secrets_none_is_made_or_read,
    patches_at_once_lose_nothing,
}

const SECRETS: &str = "/api/v1/secrets";
const PLAIN: &str = "a value that nobody else may read";

async fn made(caller: &Caller, name: &str) -> String {
    let secret = caller.post(SECRETS, json!({"name": name, "values": {"key": PLAIN}})).await.expect_ok();
    assert_eq!(secret["body"]["values"], json!({"key": PLAIN}));
    format!("{SECRETS}/{}", secret["id"].as_str().unwrap())
}

async fn values_are_encrypted_at_rest(database: Database) {
    let key = |key| [("ZENML_SECRETS_STORE_ENCRYPTION_KEY", key)];
    let app = TestApp::start_with(&database, &key("one")).await;
    let path = made(&app.signed_in().await, "s").await;
    let stored = database.texts("SELECT CAST(`values` AS CHAR) FROM secret").await;
    let bytes = STANDARD.decode(&stored[0]).unwrap();
    assert!(!bytes.windows(PLAIN.len()).any(|window| window == PLAIN.as_bytes()));
    // Nor is it in the answer that is kept for a request that comes again.
    for path in [SECRETS, "/api/v1/workspaces/default/secrets"] {
        let again = app.signed_in().await.with("idempotency-key", &uuid::Uuid::new_v4().to_string());
        let request = json!({"name": path.replace('/', "-"), "private": true, "values": {"key": PLAIN}});
        let first = again.post(path, request.clone()).await.expect_ok();
        assert_eq!(again.post(path, request).await.expect_ok(), first, "{path}");
    }
    app.stop().await;
    for (table, rows) in database.contents().await {
        assert!(!rows.iter().any(|row| row.contains(PLAIN)), "{table}");
    }
    // Answers are kept packed; what is kept here is no more than an id.
    let kept = database.texts("SELECT CAST(LENGTH(result) AS CHAR(9)) FROM api_transaction_result").await;
    assert!(kept.iter().all(|length| length.parse::<u32>().unwrap() < 100), "{kept:?}");

    // With another key there is nothing to read, but new values can be given.
    let app = TestApp::start_with(&database, &key("two")).await;
    let caller = app.signed_in().await;
    caller.get(&path).await.expect(404, "decrypted");
    caller.put(&path, json!({"name": "renamed"})).await.expect(404, "KeyError");
    caller.put(&path, json!({"values": {"key": "new"}})).await.expect_ok();
    assert_eq!(caller.get(&path).await.expect_ok()["body"]["values"], json!({"key": "new"}));
    assert_eq!(caller.get(SECRETS).await.expect_ok()["items"][0]["body"]["values"], json!({}));
}

async fn a_public_name_is_taken_once_for_all(database: Database) {
    let app = TestApp::start(&database).await;
    let (one, two) = (app.new_user("one", false).await, app.new_user("two", false).await);
    let made = join_all((0..8).map(|number| {
        let caller = if number % 2 == 0 { &one } else { &two };
        caller.post(SECRETS, json!({"name": "s"}))
    }));
    let statuses: Vec<u16> = made.await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
    // A private one is its owner's alone.
    for caller in [&one, &two] {
        caller.post(SECRETS, json!({"name": "s", "private": true})).await.expect_ok();
        assert_eq!(caller.get(SECRETS).await.expect_ok()["total"], 2);
    }
}

/// As ZenML's server answers then.
async fn without_a_store_of_secrets_none_is_made_or_read(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    caller.get("/api/v1/info").await.expect(200, "\"secrets_store_type\":\"sql\"");
    let path = made(&caller, "s").await;
    let component = json!({"name": "c", "type": "orchestrator", "flavor": "local", "configuration": {}, "secrets": ["s"]});
    caller.post("/api/v1/components", component).await.expect_ok();
    app.stop().await;

    let app = TestApp::start_with(&database, &[("ZENML_SECRETS_STORE_TYPE", "none")]).await;
    let caller = app.signed_in().await;
    caller.get("/api/v1/info").await.expect(200, "\"secrets_store_type\":\"none\"");
    let before = caller.get(SECRETS).await.expect_ok();
    assert_eq!((&before["total"], &before["items"][0]["body"]["values"]), (&json!(1), &json!({})));
    let none = "NotImplementedError";
    caller.get(&path).await.expect(501, none);
    caller.get(&format!("{path}?hydrate=false")).await.expect(501, none);
    for change in [json!({}), json!({"name": "x"}), json!({"private": true}), json!({"values": {"a": "b"}})] {
        caller.put(&path, change).await.expect(501, none);
    }
    caller.put(&format!("{path}?patch_values=true"), json!({"values": {"a": "b"}})).await.expect(501, none);
    caller.delete(&path).await.expect(501, none);
    caller.post(SECRETS, json!({"name": "new", "values": {"a": "b"}})).await.expect(501, none);
    caller.post(SECRETS, json!({"name": "bare"})).await.expect(501, none);
    caller.post(SECRETS, json!({"name": "s"})).await.expect(409, "EntityExistsError");
    caller.post(SECRETS, json!({})).await.expect(422, "");
    let nothing = format!("{SECRETS}/00000000-0000-0000-0000-000000000001");
    caller.get(&nothing).await.expect(404, "KeyError");
    caller.put(&nothing, json!({})).await.expect(404, "KeyError");
    caller.delete(&nothing).await.expect(404, "KeyError");
    caller.get("/api/v1/components?name=c").await.expect_ok();
    assert_eq!(caller.get(SECRETS).await.expect_ok(), before);
    app.stop().await;

    // They are still there for whoever keeps some again.
    let app = TestApp::start(&database).await;
    let values = app.signed_in().await.get(&path).await.expect_ok()["body"]["values"].clone();
    assert!(values.as_object().is_some_and(|values| !values.is_empty()), "{values}");
}

async fn patches_at_once_lose_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let path = made(&caller, "s").await;
    let patch = format!("{path}?patch_values=true");
    let patches = (0..8).map(|number| caller.put(&patch, json!({"values": {format!("k{number}"): "v"}})));
    for patched in join_all(patches).await {
        patched.expect_ok();
    }
    let values = caller.get(&path).await.expect_ok()["body"]["values"].clone();
    assert_eq!(values.as_object().map(serde_json::Map::len), Some(9), "{values}");
}

#[tokio::test]
async fn values_are_in_no_log() {
    let database = Database::sqlite();
    let server = Program::server()
        .on(&database)
        .with("ZENDO_LOG", "trace")
        .with("ZENML_DEFAULT_USER_PASSWORD", "correct horse battery staple")
        .with("ZENML_SECRETS_STORE_ENCRYPTION_KEY", "a key that is in no log either")
        .serve()
        .await;
    let caller = server.signed_in("default", "correct horse battery staple").await;
    let path = made(&caller, "s").await;
    caller.get(&path).await.expect_ok();
    caller.put(&path, json!({"values": {"other": format!("{PLAIN} twice")}})).await.expect_ok();
    let too_much = json!({"values": {"other": PLAIN.repeat(3000)}});
    caller.put(&path, too_much).await.expect(400, "ValueError");
    let wrong = json!({"values": {"other": PLAIN, "wrong": 5}});
    assert!(!caller.put(&path, wrong).await.text.contains(PLAIN));
    assert_eq!(caller.delete(&path).await.expect_ok(), Value::Null);
    let log = server.stop().await.stderr;
    assert!(!log.is_empty(), "there is a log");
    assert!(!log.contains(PLAIN) && !log.contains(&STANDARD.encode(PLAIN)), "{log}");
    assert!(!log.contains("a key that is in no log"), "{log}");
}
