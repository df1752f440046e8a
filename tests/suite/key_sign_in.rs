//! What an API key opens, and when it closes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, PASSWORD, TestApp, wait_until};

const CURRENT_USER: &str = "/api/v1/current-user";

on_each_store! {
    a_key_signs_in_by_grant_and_as_bearer,
    a_key_may_end_in_the_line_break_of_its_file,
    a_token_made_from_a_key_ends_with_it,
    rotation_ends_the_old_key_at_once_or_after_its_time,
    a_key_that_zenml_made_is_taken_and_upgraded,
    the_last_use_is_noted_without_the_request_writing,
}

/// A service account with a key: the admin, the account's id, the key's path and its text.
struct Robot {
    admin: Caller,
    id: String,
    path: String,
    key: String,
}

impl Robot {
    async fn make(app: &TestApp) -> Self {
        let admin = app.signed_in().await;
        let account = json!({"name": "robot", "active": true});
        let account = admin.post("/api/v1/service_accounts", account).await.expect_ok();
        let id = account["id"].as_str().unwrap().to_owned();
        let keys = format!("/api/v1/service_accounts/{id}/api_keys");
        let key = admin.post(&keys, json!({"name": "ci"})).await.expect_ok();
        let path = format!("{keys}/ci");
        Self { admin, id, path, key: key["body"]["key"].as_str().unwrap().to_owned() }
    }

    async fn rotate(&self, minutes: u32) -> String {
        let request = json!({"retain_period_minutes": minutes});
        let rotated = self.admin.put(&format!("{}/rotate", self.path), request).await.expect_ok();
        rotated["body"]["key"].as_str().unwrap().to_owned()
    }
}

async fn login(app: &TestApp, key: &str) -> Answer {
    app.anonymous().post_form("/api/v1/login", &[("username", ""), ("password", key)]).await
}

async fn token_from(app: &TestApp, key: &str) -> Caller {
    let login = login(app, key).await.expect_ok();
    app.anonymous().with_token(login["access_token"].as_str().unwrap())
}

async fn a_key_signs_in_by_grant_and_as_bearer(database: Database) {
    let app = TestApp::start(&database).await;
    let robot = Robot::make(&app).await;
    let answer = login(&app, &robot.key).await;
    assert_eq!(answer.header("set-cookie"), None, "a key is no browser's");
    let token = token_from(&app, &robot.key).await;
    let user = token.get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["id"]), (&json!("robot"), &json!(robot.id)));
    assert_eq!(user["body"]["is_service_account"], true);
    let named = [("grant_type", "zenml-api-key"), ("password", robot.key.as_str())];
    app.anonymous().post_form("/api/v1/login", &named).await.expect_ok();
    // As a bearer it opens everything but the making of tokens.
    let bearer = app.anonymous().with_token(&robot.key);
    assert_eq!(bearer.get(CURRENT_USER).await.expect_ok(), user);
    let refused = bearer.get("/api/v1/api_token").await;
    let expected = json!({"detail": ["AuthorizationException", "Not authenticated."]});
    assert_eq!((refused.status, refused.json()), (401, expected));
    // A generic token made with the key's token is bound to the key as well.
    let script = app.anonymous().with_token(&token.api_token(600).await);
    script.get(CURRENT_USER).await.expect_ok();
    robot.admin.delete(&robot.path).await.expect_ok();
    for caller in [script, token, bearer] {
        caller.get(CURRENT_USER).await.expect(401, "error retrieving API key");
    }
    for wrong in ["ZENKEY_nonsense", "nonsense", &robot.key[..robot.key.len() - 8]] {
        login(&app, wrong).await.expect(401, "CredentialsNotValid");
    }
    login(&app, "").await.expect(400, "username is required");
}

async fn a_key_may_end_in_the_line_break_of_its_file(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_INTROSPECTION_ACCOUNTS", "robot")]).await;
    let robot = Robot::make(&app).await;
    for end in ["\n", "\r\n", "\n\n", " \n"] {
        let key = format!("{}{end}", robot.key);
        token_from(&app, &key).await.get(CURRENT_USER).await.expect_ok();
        let named = [("grant_type", "zenml-api-key"), ("password", key.as_str())];
        app.anonymous().post_form("/api/v1/login", &named).await.expect_ok();
        let gateway = format!("Basic {}", STANDARD.encode(format!("robot:{key}")));
        let gateway = app.anonymous().with("authorization", &gateway);
        let token = robot.admin.api_token(60).await;
        for text in [&key, &format!("{token}{end}")] {
            let asked = gateway.post_form("/oauth/introspect", &[("token", text)]).await.expect_ok();
            assert_eq!(asked["active"], true, "{text:?}");
        }
        gateway.post_form("/oauth/revoke", &[("token", &key)]).await.expect(400, "unsupported_token_type");
        gateway.post_form("/oauth/revoke", &[("token", &format!("{token}{end}"))]).await.expect(200, "");
        app.anonymous().with_token(&token).get(CURRENT_USER).await.expect(401, "");
    }
    // A break within it is no end.
    let broken = format!("{}\n{}", &robot.key[..20], &robot.key[20..]);
    login(&app, &broken).await.expect(401, "");
}

async fn a_token_made_from_a_key_ends_with_it(database: Database) {
    let app = TestApp::start(&database).await;
    let robot = Robot::make(&app).await;
    let token = token_from(&app, &robot.key).await;
    robot.admin.put(&robot.path, json!({"active": false})).await.expect_ok();
    token.get(CURRENT_USER).await.expect(401, "API key ci is not active");
    login(&app, &robot.key).await.expect(401, "API key ci is not active");
    robot.admin.put(&robot.path, json!({"active": true})).await.expect_ok();
    token.get(CURRENT_USER).await.expect_ok();
    let account = format!("/api/v1/service_accounts/{}", robot.id);
    robot.admin.put(&account, json!({"active": false})).await.expect_ok();
    token.get(CURRENT_USER).await.expect(401, "is not active");
    login(&app, &robot.key).await.expect(401, "is not active");
    robot.admin.put(&account, json!({"active": true})).await.expect_ok();
    // A deactivation ends tokens for good; the key itself is as good as before.
    token.get(CURRENT_USER).await.expect(401, "was revoked");
    token_from(&app, &robot.key).await.get(CURRENT_USER).await.expect_ok();
    robot.admin.delete(&account).await.expect_ok();
    token.get(CURRENT_USER).await.expect(401, "error retrieving API key");
}

async fn rotation_ends_the_old_key_at_once_or_after_its_time(database: Database) {
    let app = TestApp::start(&database).await;
    let robot = Robot::make(&app).await;
    let first = token_from(&app, &robot.key).await;
    let second_key = robot.rotate(0).await;
    login(&app, &robot.key).await.expect(401, "could not verify key value");
    app.anonymous().with_token(&robot.key).get(CURRENT_USER).await.expect(401, "could not verify");
    first.get(CURRENT_USER).await.expect(401, "was rotated");
    let second = token_from(&app, &second_key).await;
    let third_key = robot.rotate(10).await;
    for key in [&second_key, &third_key] {
        login(&app, key).await.expect_ok();
    }
    second.get(CURRENT_USER).await.expect_ok();
    app.clock.advance(601);
    login(&app, &second_key).await.expect(401, "could not verify key value");
    second.get(CURRENT_USER).await.expect(401, "was rotated");
    token_from(&app, &third_key).await.get(CURRENT_USER).await.expect_ok();
}

/// ZenML's rows have bcrypt alone: the first use proves it and keeps the keyed hash beside it.
async fn a_key_that_zenml_made_is_taken_and_upgraded(database: Database) {
    let app = TestApp::start(&database).await;
    let robot = Robot::make(&app).await;
    database.execute("DELETE FROM zendo_api_key_digest").await;
    app.stop().await;
    let app = TestApp::start(&database).await;
    login(&app, &robot.key).await.expect_ok();
    let digests = database.texts("SELECT key_hash FROM zendo_api_key_digest").await;
    assert_eq!(digests, database.texts("SELECT `key` FROM api_key").await);
    login(&app, &robot.key).await.expect_ok();
    // A hash that another server has put there since is not vouched for by the old one.
    database.execute("UPDATE api_key SET `key` = 'changed'").await;
    app.stop().await;
    let app = TestApp::start(&database).await;
    login(&app, &robot.key).await.expect(401, "could not verify key value");
    app.anonymous().login("robot", PASSWORD).await.expect(401, "invalid username or password");
}

async fn the_last_use_is_noted_without_the_request_writing(database: Database) {
    let app = TestApp::start(&database).await;
    let robot = Robot::make(&app).await;
    let last_login =
        async || robot.admin.get(&robot.path).await.expect_ok()["metadata"]["last_login"].clone();
    assert_eq!(last_login().await, Value::Null);
    let token = token_from(&app, &robot.key).await;
    token.get(CURRENT_USER).await.expect_ok();
    let limit = std::time::Duration::from_secs(10);
    wait_until("the last use is written", limit, async || last_login().await != Value::Null).await;
}
