//! What somebody sent for a secret is in no answer, however wrong it was.

use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp};

on_each_store! {
    a_wrong_body_is_not_repeated,
    a_wrong_form_is_not_repeated,
}

/// Long enough that it is in no answer by chance.
const NUMBER: i64 = 5_341_462_718;
const TEXT: &str = "5341462718";

fn check(what: &str, answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert!(!answer.text.contains(TEXT), "{what}: {answer:?}");
    for value in answer.headers.values() {
        assert!(!String::from_utf8_lossy(value.as_bytes()).contains(TEXT), "{what}: {answer:?}");
    }
}

/// Values that are no text, which hold a secret all the same.
fn wrong_values() -> Vec<Value> {
    vec![
        json!(NUMBER),
        json!(5_341_462_718.5),
        json!([TEXT]),
        json!([NUMBER]),
        json!({TEXT: TEXT}),
        json!({"value": NUMBER}),
        json!([[{"a": TEXT}]]),
    ]
}

async fn a_wrong_body_is_not_repeated(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, anyone) = (app.signed_in().await, app.anonymous());
    let account =
        admin.post("/api/v1/service_accounts", json!({"name": "robot", "active": true})).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let device = format!("/api/v1/devices/{}/verify", uuid::Uuid::nil());
    let workspace = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let secret =
        |values: &Value| json!({"name": "s", "project": workspace, "private": false, "values": values});
    for value in wrong_values() {
        let put = async |caller: &Caller, path: &str, body: Value| {
            check(&format!("{path} {body}"), &caller.put(path, body.clone()).await);
        };
        let post = async |caller: &Caller, path: &str, body: Value| {
            check(&format!("{path} {body}"), &caller.post(path, body.clone()).await);
        };
        for field in ["password", "old_password", "activation_token"] {
            put(&admin, "/api/v1/current-user", json!({field: value})).await;
            put(&admin, "/api/v1/users/default", json!({field: value})).await;
            put(&anyone, "/api/v1/users/default/activate", json!({field: value})).await;
            put(&admin, "/api/v1/users/default/email-opt-in", json!({field: value})).await;
        }
        post(&admin, "/api/v1/users", json!({"name": "x", "is_admin": false, "password": value})).await;
        put(&anyone, "/api/v1/activate", json!({"admin_username": "x", "admin_password": value})).await;
        put(&admin, &device, json!({"user_code": value})).await;
        post(&anyone, "/api/v1/api_tokens/revoke", json!({"token": value})).await;
        post(&admin, "/api/v1/secrets", secret(&json!({"key": value}))).await;
        post(&admin, "/api/v1/secrets", secret(&json!(TEXT))).await;
        // In the wrong place, or the body itself.
        post(&admin, "/api/v1/users", json!({"name": "x", "is_admin": TEXT, "password": TEXT})).await;
        post(&admin, "/api/v1/users", value.clone()).await;
        post(&admin, "/api/v1/users", json!(TEXT)).await;
        post(&admin, &keys, json!({"name": value})).await;
    }
    // What may not be set, and what is cut short.
    for password in [String::new(), format!("{TEXT}{}", "x".repeat(80)), format!("{TEXT}\0")] {
        let body = json!({"name": "x", "is_admin": false, "password": password});
        check(&body.to_string(), &admin.post("/api/v1/users", body.clone()).await);
    }
    let json = admin.clone().with("content-type", "application/json");
    for body in
        [format!("{{\"password\": \"{TEXT}"), format!("{{\"password\": {TEXT}x}}"), format!("{TEXT}: 1")]
    {
        check(&body, &json.request(reqwest::Method::PUT, "/api/v1/current-user", body.clone()).await);
    }
    check(
        "a wrong password",
        &admin.put("/api/v1/current-user", json!({"old_password": TEXT, "password": TEXT})).await,
    );
    check(
        "a wrong token",
        &anyone.put("/api/v1/users/default/activate", json!({"activation_token": TEXT})).await,
    );
}

async fn a_wrong_form_is_not_repeated(database: Database) {
    let app = TestApp::start(&database).await;
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    for form in [
        vec![("username", "default"), ("password", TEXT)],
        vec![("username", TEXT), ("password", "x")],
        vec![("password", TEXT)],
        vec![("password", "ZENKEY_5341462718")],
        vec![("device_code", TEXT)],
        vec![grant, ("device_code", TEXT), ("client_id", "x")],
        vec![grant, ("device_code", TEXT), ("client_id", "00000000-0000-0000-0000-00000000c11e")],
        vec![("grant_type", "x"), ("password", TEXT)],
    ] {
        check(&format!("{form:?}"), &app.anonymous().post_form("/api/v1/login", &form).await);
    }
    check("a bearer", &app.anonymous().with_token(TEXT).get("/api/v1/current-user").await);
    check("a key", &app.anonymous().with_token(&format!("ZENKEY_{TEXT}")).get("/api/v1/current-user").await);
    let admin = app.signed_in().await;
    check("a token", &admin.post_form("/oauth/revoke", &[("token", &format!("ZENKEY_{TEXT}"))]).await);
}
