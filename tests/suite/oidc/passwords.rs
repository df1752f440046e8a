//! `ZENDO_PASSWORD_SIGN_IN=false`: people don't sign in with passwords anywhere; `zendo user` is the way back in.

use serde_json::json;

use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{ADMIN, Database, PASSWORD, Program, TestApp};

on_each_store! {
    passwords_are_turned_off_but_for_the_operators,
}

const OFF: (&str, &str) = ("ZENDO_PASSWORD_SIGN_IN", "false");

async fn passwords_are_turned_off_but_for_the_operators(database: Database) {
    let Some(provider) = FarSide::certified().await else { return };
    let app = server(&database, &provider, &[OFF, ("ZENDO_OIDC_ADMIN_GROUPS", "ops")]).await;
    let refused = app.anonymous().login(ADMIN, PASSWORD).await;
    refused.expect(401, "Passwords are turned off on this server: sign in with Example");
    assert_eq!(app.anonymous().login("nobody", PASSWORD).await.text, refused.text);
    let terminal = Program::new(&["login", &app.url(), "--username", ADMIN, "--password-stdin"]);
    let config = terminal.folder().join("config").display().to_string();
    let refused =
        terminal.with("ZENML_CONFIG_PATH", &config).with("HOME", &config).reading(PASSWORD).run().await;
    assert!(refused.code != Some(0) && refused.stderr.contains("Passwords are turned off"), "{refused:?}");
    assert_eq!(app.anonymous().get("/api/v1/oidc").await.expect_ok()["password_sign_in"], false);
    let page = app.anonymous().get("/console/sign-in").await;
    assert!(
        page.text.contains("Sign in with Example") && !page.text.contains("type=\"password\""),
        "{page:?}"
    );
    let mut ada = Visitor::of(&app);
    ada.sign_in(&provider, "ada").await;
    let new = json!({"name": "carl", "is_admin": false, "password": PASSWORD});
    ada.with_cookies().post("/api/v1/users", new).await.expect(403, "Passwords are turned off");
    let change = json!({"old_password": PASSWORD, "password": "another long password"});
    ada.with_cookies().put(CURRENT_USER, change).await.expect(403, "Passwords are turned off");
    // An admin with a password alone is nobody who can sign in: ada is the last one.
    let bob = json!({"preferred_username": "ada", "groups": []});
    provider.tell("person", json!({"subject": "ada", "claims": bob})).await;
    ada.sign_in(&provider, "ada").await;
    assert_eq!(ada.with_cookies().get(CURRENT_USER).await.expect_ok()["body"]["is_admin"], true);
    // Service accounts sign in with their keys.
    let robot =
        ada.with_cookies().post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await;
    let path = format!("/api/v1/service_accounts/{}/api_keys", robot.expect_ok()["id"].as_str().unwrap());
    let key = ada.with_cookies().post(&path, json!({"name": "key"})).await.expect_ok();
    let form = [("password", key["body"]["key"].as_str().unwrap())];
    app.anonymous().post_form("/api/v1/login", &form).await.expect_ok();
    // What the operator sets at the terminal is good for an hour.
    let new = "the operator has set it";
    let mut program = Program::new(&["user", "passwd", ADMIN, "--password-stdin"]).on(&database);
    program = program.with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD).reading(new);
    let done = program.run().await;
    assert_eq!(done.code, Some(0), "{done:?}");
    app.anonymous().login(ADMIN, "wrong").await.expect(401, "invalid username or password");
    app.anonymous().login(ADMIN, new).await.expect_ok();
    app.anonymous().get("/console/sign-in?password=1").await.expect(200, "type=\"password\"");
    app.clock.advance(3601);
    app.anonymous().login(ADMIN, new).await.expect(401, "Passwords are turned off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_basic_takes_no_password_either() {
    let settings = [OFF, ("ZENML_SERVER_AUTH_SCHEME", "HTTP_BASIC")];
    let app = TestApp::start_with(&Database::sqlite(), &settings).await;
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{ADMIN}:{PASSWORD}"));
    let caller = app.anonymous().with("authorization", &format!("Basic {basic}"));
    caller.get(CURRENT_USER).await.expect(401, "Passwords are turned off");
}
