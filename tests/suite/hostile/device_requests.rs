//! Anybody can ask in the name of a machine whose client ID they know. It ends nothing.

use serde_json::json;

use crate::support::{Answer, Caller, Database, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const CLIENT: &str = "00000000-0000-0000-0000-00000000c11e";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

on_each_store! {
    a_strangers_request_ends_no_token,
    a_strangers_request_takes_no_approval,
    a_strangers_request_opens_no_lock,
}

struct Asked {
    device_code: String,
    user_code: String,
    path: String,
}

async fn ask(app: &TestApp) -> Asked {
    let asked = app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", CLIENT)]).await;
    let asked = asked.expect_ok();
    let text = |name: &str| asked[name].as_str().unwrap().to_owned();
    let link = text("verification_uri_complete");
    let id = link.split_once("device_id=").unwrap().1.split('&').next().unwrap().to_owned();
    Asked {
        device_code: text("device_code"),
        user_code: text("user_code"),
        path: format!("/api/v1/devices/{id}"),
    }
}

impl Asked {
    async fn approve(&self, person: &Caller) {
        let approval = json!({"user_code": self.user_code});
        person.put(&format!("{}/verify", self.path), approval).await.expect_ok();
    }

    async fn poll(&self, app: &TestApp) -> Answer {
        let form = [("grant_type", GRANT), ("client_id", CLIENT), ("device_code", &self.device_code)];
        app.anonymous().post_form("/api/v1/login", &form).await
    }
}

fn token(app: &TestApp, login: &Answer) -> Caller {
    app.anonymous().with_token(login.expect_ok()["access_token"].as_str().unwrap())
}

async fn a_strangers_request_ends_no_token(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, eve) = (app.signed_in().await, app.new_user("eve", false).await);
    let asked = ask(&app).await;
    asked.approve(&admin).await;
    let device = token(&app, &asked.poll(&app).await);
    // Asked for, polled for, approved by another, fetched: the token doesn't care.
    let stranger = ask(&app).await;
    device.get(CURRENT_USER).await.expect_ok();
    stranger.poll(&app).await.expect(400, "authorization_pending");
    stranger.approve(&eve).await;
    device.get(CURRENT_USER).await.expect_ok();
    token(&app, &stranger.poll(&app).await).get(CURRENT_USER).await.expect_ok();
    assert_eq!(device.get(CURRENT_USER).await.expect_ok()["name"], "default");
    assert_eq!(admin.get(&asked.path).await.expect_ok()["body"]["status"], "active");
    // One that only waits and ends changes nothing either.
    ask(&app).await;
    app.clock.advance(24 * 3600);
    ask(&app).await;
    device.get(CURRENT_USER).await.expect_ok();
    // At its owner's own next sign-in there it is the same device, which ends with all its tokens.
    let again = ask(&app).await;
    again.approve(&admin).await;
    let next = token(&app, &again.poll(&app).await);
    for device in [&device, &next] {
        device.get(CURRENT_USER).await.expect_ok();
    }
    admin.delete(&asked.path).await.expect_ok();
    for device in [&device, &next] {
        device.get(CURRENT_USER).await.expect(401, "device");
    }
}

async fn a_strangers_request_takes_no_approval(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let asked = ask(&app).await;
    asked.approve(&admin).await;
    let stranger = ask(&app).await;
    for _ in 0..5 {
        stranger.poll(&app).await.expect(400, "");
    }
    token(&app, &asked.poll(&app).await).get(CURRENT_USER).await.expect_ok();
}

async fn a_strangers_request_opens_no_lock(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let asked = ask(&app).await;
    asked.approve(&admin).await;
    let device = token(&app, &asked.poll(&app).await);
    admin.put(&asked.path, json!({"locked": true})).await.expect_ok();
    ask(&app).await;
    // Whoever asks has the machine's row to wait in; it speaks for nobody until a person approves it anew.
    device.get(CURRENT_USER).await.expect(401, "device");
    admin.put(&asked.path, json!({"locked": false})).await.expect(404, "");
    device.get(CURRENT_USER).await.expect(401, "device");
}
