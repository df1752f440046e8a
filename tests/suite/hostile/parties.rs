//! Whoever holds a credential, and how they came by it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp};

pub const CURRENT_USER: &str = "/api/v1/current-user";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a token says, unverified.
pub fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    serde_json::from_slice(&claims.unwrap()).unwrap()
}

/// The token of a sign-in's answer.
pub fn token_of(login: &Value) -> String {
    login["access_token"].as_str().unwrap().to_owned()
}

/// A service account with a key.
pub struct Robot {
    pub admin: Caller,
    /// Its path.
    pub account: String,
    pub key_path: String,
    pub key: String,
}

impl Robot {
    pub async fn make(app: &TestApp, name: &str) -> Self {
        let admin = app.signed_in().await;
        let account = json!({"name": name, "active": true});
        let account = admin.post("/api/v1/service_accounts", account).await.expect_ok();
        let account = format!("/api/v1/service_accounts/{}", account["id"].as_str().unwrap());
        let key = admin.post(&format!("{account}/api_keys"), json!({"name": "ci"})).await.expect_ok();
        let key_path = format!("{account}/api_keys/ci");
        Self { admin, account, key_path, key: key["body"]["key"].as_str().unwrap().to_owned() }
    }

    /// What its key is traded for.
    pub async fn session(&self, app: &TestApp) -> String {
        let form = [("username", ""), ("password", self.key.as_str())];
        token_of(&app.anonymous().post_form("/api/v1/login", &form).await.expect_ok())
    }
}

/// The request of a client's device to be approved.
pub async fn ask_for_device(app: &TestApp, client: &str) -> Value {
    app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", client)]).await.expect_ok()
}

/// Whether the device is approved or denied by whoever asks that.
pub async fn decide(caller: &Caller, asked: &Value, denied: bool) -> Answer {
    let code = asked["user_code"].as_str().unwrap();
    caller
        .put(
            &format!("/api/v1/devices/{}/verify", device_id(asked)),
            json!({"user_code": code, "denied": denied}),
        )
        .await
}

pub fn device_id(asked: &Value) -> String {
    let link = asked["verification_uri_complete"].as_str().unwrap();
    link.split_once("device_id=").unwrap().1.split('&').next().unwrap().to_owned()
}

/// The device comes for its token.
pub async fn poll(app: &TestApp, client: &str, asked: &Value) -> Answer {
    let code = asked["device_code"].as_str().unwrap();
    let form = [("grant_type", DEVICE_CODE), ("client_id", client), ("device_code", code)];
    app.anonymous().post_form("/api/v1/login", &form).await
}

/// The session of a device that this caller approves, or the refusal.
pub async fn device_session(app: &TestApp, caller: &Caller, client: &str) -> Result<String, Answer> {
    let asked = ask_for_device(app, client).await;
    let decided = decide(caller, &asked, false).await;
    match decided.status {
        200 => Ok(token_of(&poll(app, client, &asked).await.expect_ok())),
        _ => Err(decided),
    }
}

fn hex(id: &str) -> String {
    id.replace('-', "")
}

/// A run that is under way, behind the server's back.
pub async fn add_run(database: &Database, id: &str, root: Option<&str>) {
    let id = hex(id);
    let root = root.map_or("NULL".to_owned(), |root| format!("'{}'", hex(root)));
    let sql = format!(
        "INSERT INTO pipeline_run (id, created, updated, name, status, in_progress, enable_heartbeat, `index`, \
         root_run_id, project_id) SELECT '{id}', created, created, '{id}', 'running', 1, 0, 1, {root}, id FROM project"
    );
    database.execute(&sql).await;
}

/// Ends it long ago.
pub async fn end_run(database: &Database, id: &str) {
    let end = "2020-01-01 00:00:00.000000";
    let sql = format!("UPDATE pipeline_run SET in_progress = 0, end_time = '{end}' WHERE id = '{}'", hex(id));
    database.execute(&sql).await;
}

pub async fn workload_token(caller: &Caller, run: &str) -> String {
    let answer = caller.get(&format!("/api/v1/api_token?token_type=workload&pipeline_run_id={run}")).await;
    answer.expect_ok().as_str().unwrap().to_owned()
}
