//! A device signs in when a person approves it (RFC 8628), and only for as long as they let it.

use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const CLIENT: &str = "00000000-0000-0000-0000-00000000c11e";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

on_each_store! {
    a_device_signs_in_once_it_is_approved,
    polling_waits_for_the_approval_and_never_trips_a_limit,
    a_devices_token_ends_when_its_owner_says_so,
    a_second_account_on_the_same_machine_works,
    a_trusted_device_lives_longer,
    wrong_codes_lock_a_device,
    a_device_that_is_denied_learns_so_and_may_ask_again,
}

async fn ask(app: &TestApp) -> Value {
    app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", CLIENT)]).await.expect_ok()
}

async fn poll(app: &TestApp, device_code: &str) -> Answer {
    let form = [("grant_type", GRANT), ("client_id", CLIENT), ("device_code", device_code)];
    app.anonymous().post_form("/api/v1/login", &form).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// The device's id, which the link for its approval names.
fn id_of(asked: &Value) -> String {
    let link = text(asked, "verification_uri_complete");
    link.split_once("device_id=").unwrap().1.split('&').next().unwrap().to_owned()
}

async fn approve(person: &Caller, asked: &Value, trusted: bool) -> Value {
    let path = format!("/api/v1/devices/{}/verify", id_of(asked));
    let approval = json!({"user_code": text(asked, "user_code"), "trusted_device": trusted});
    person.put(&path, approval).await.expect_ok()
}

async fn sign_in(app: &TestApp, person: &Caller, trusted: bool) -> (String, Caller) {
    let asked = ask(app).await;
    approve(person, &asked, trusted).await;
    let login = poll(app, text(&asked, "device_code")).await;
    assert_eq!(login.header("set-cookie"), None);
    (id_of(&asked), app.anonymous().with_token(text(&login.expect_ok(), "access_token")))
}

async fn a_device_signs_in_once_it_is_approved(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let asked = ask(&app).await;
    assert_eq!((&asked["expires_in"], &asked["interval"]), (&json!(300), &json!(5)));
    let device = approve(&admin, &asked, false).await;
    assert_eq!(device["body"]["status"], "verified");
    let login = poll(&app, text(&asked, "device_code")).await.expect_ok();
    assert_eq!((&login["device_id"], &login["expires_in"]), (&Value::Null, &Value::Null));
    let token = app.anonymous().with_token(text(&login, "access_token"));
    assert_eq!(token.get(CURRENT_USER).await.expect_ok()["name"], "default");
    // The code is good once.
    let again = poll(&app, text(&asked, "device_code")).await;
    again.expect(400, "expired_token");
    assert_eq!(again.json()["error"], "expired_token");
    // What is made with the token keeps the device.
    let script = app.anonymous().with_token(&token.api_token(600).await);
    admin.delete(&format!("/api/v1/devices/{}", id_of(&asked))).await.expect_ok();
    script.get(CURRENT_USER).await.expect(401, "error retrieving token device");
}

async fn polling_waits_for_the_approval_and_never_trips_a_limit(database: Database) {
    let limits = [("ZENML_SERVER_RATE_LIMIT_ENABLED", "true"), ("ZENML_SERVER_LOGIN_RATE_LIMIT_MINUTE", "1")];
    let app = TestApp::start_with(&database, &limits).await;
    app.clock.hold();
    let admin = app.signed_in().await;
    let asked = ask(&app).await;
    let code = text(&asked, "device_code");
    let error = async || poll(&app, code).await.json()["error"].clone();
    assert_eq!(error().await, "authorization_pending");
    assert_eq!(error().await, "slow_down");
    for _ in 0..10 {
        app.clock.advance(6);
        assert_eq!(error().await, "authorization_pending");
    }
    app.clock.advance(300);
    assert_eq!(error().await, "expired_token");
    let asked = ask(&app).await;
    approve(&admin, &asked, false).await;
    poll(&app, text(&asked, "device_code")).await.expect_ok();
    let unknown =
        [("grant_type", GRANT), ("client_id", "00000000-0000-0000-0000-000000000009"), ("device_code", "x")];
    app.anonymous().post_form("/api/v1/login", &unknown).await.expect(400, "invalid_client");
    let incomplete = [("grant_type", GRANT), ("client_id", CLIENT)];
    app.anonymous().post_form("/api/v1/login", &incomplete).await.expect(400, "required");
    let no_uuid = [("grant_type", GRANT), ("client_id", "x"), ("device_code", "x")];
    app.anonymous().post_form("/api/v1/login", &no_uuid).await.expect(400, "invalid client ID");
}

async fn a_devices_token_ends_when_its_owner_says_so(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (id, token) = sign_in(&app, &admin, false).await;
    let path = format!("/api/v1/devices/{id}");
    admin.put(&path, json!({"locked": true})).await.expect_ok();
    token.get(CURRENT_USER).await.expect(401, "is not active");
    admin.put(&path, json!({"locked": false})).await.expect_ok();
    token.get(CURRENT_USER).await.expect_ok();
    admin.delete(&path).await.expect_ok();
    token.get(CURRENT_USER).await.expect(401, "error retrieving token device");
    admin.get(CURRENT_USER).await.expect_ok();
}

async fn a_second_account_on_the_same_machine_works(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, bob) = (app.signed_in().await, app.new_user("bob", false).await);
    let (id, of_admin) = sign_in(&app, &admin, false).await;
    let (again, of_bob) = sign_in(&app, &bob, false).await;
    assert_ne!(id, again);
    assert_eq!(of_bob.get(CURRENT_USER).await.expect_ok()["name"], "bob");
    of_admin.get(CURRENT_USER).await.expect_ok();
    admin.get(&format!("/api/v1/devices/{again}")).await.expect(404, "");
    bob.get(&format!("/api/v1/devices/{id}")).await.expect(404, "");
}

async fn a_trusted_device_lives_longer(database: Database) {
    let settings = [
        ("ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES", "1000000"),
        ("ZENML_SERVER_DEVICE_EXPIRATION_MINUTES", "10"),
        ("ZENML_SERVER_TRUSTED_DEVICE_EXPIRATION_MINUTES", "1000"),
    ];
    let app = TestApp::start_with(&database, &settings).await;
    let admin = app.signed_in().await;
    let (_, untrusted) = sign_in(&app, &admin, false).await;
    app.clock.advance(9 * 60);
    untrusted.get(CURRENT_USER).await.expect_ok();
    app.clock.advance(2 * 60);
    untrusted.get(CURRENT_USER).await.expect(401, "expired");
    let (_, trusted) = sign_in(&app, &admin, true).await;
    app.clock.advance(999 * 60);
    trusted.get(CURRENT_USER).await.expect_ok();
    app.clock.advance(2 * 60);
    trusted.get(CURRENT_USER).await.expect(401, "expired");
}

async fn wrong_codes_lock_a_device(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let asked = ask(&app).await;
    approve(&admin, &asked, false).await;
    for _ in 0..3 {
        poll(&app, "wrong").await.expect(400, "access_denied");
    }
    poll(&app, text(&asked, "device_code")).await.expect(400, "access_denied");
    let asked = ask(&app).await;
    let path = format!("/api/v1/devices/{}/verify", id_of(&asked));
    for _ in 0..3 {
        let answer = admin.put(&path, json!({"user_code": "wrong"})).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    let right = json!({"user_code": text(&asked, "user_code")});
    let answer = admin.put(&path, right).await;
    assert!((400..500).contains(&answer.status), "locked: {answer:?}");
}

async fn a_device_that_is_denied_learns_so_and_may_ask_again(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let asked = ask(&app).await;
    let path = format!("/api/v1/devices/{}/verify", id_of(&asked));
    let denial = |code: &str| json!({"user_code": code, "denied": true});
    admin.put(&path, denial("wrong")).await.expect(400, "Wrong user code");
    let denied = admin.put(&path, denial(text(&asked, "user_code"))).await.expect_ok();
    assert_eq!((&denied["body"]["status"], &denied["body"]["user_id"]), (&json!("locked"), &Value::Null));
    poll(&app, text(&asked, "device_code")).await.expect(400, "access_denied");
    admin.put(&path, json!({"user_code": text(&asked, "user_code")})).await.expect(400, "does not wait");
    let records = admin.get("/api/v1/audit?action=device_denied").await.expect_ok();
    assert_eq!((&records["total"], &records["items"][0]["user_name"]), (&json!(1), &json!("default")));
    sign_in(&app, &admin, false).await;
}
