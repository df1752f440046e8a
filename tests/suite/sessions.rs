//! A session ends when its owner says so.

use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";

on_each_store! {
    signing_out_ends_the_sessions_token,
    a_session_that_was_ended_is_ended_on_every_replica_and_after_a_restart,
}

async fn browser(app: &TestApp) -> Caller {
    let login = app.anonymous().login(ADMIN, PASSWORD).await;
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    app.anonymous().with("cookie", &cookie)
}

async fn signing_out_ends_the_sessions_token(database: Database) {
    let app = TestApp::start(&database).await;
    let (browser, other) = (browser(&app).await, browser(&app).await);
    let script = app.anonymous().with_token(&browser.api_token(600).await);
    browser.get("/api/v1/logout").await.expect_ok();
    browser.get(CURRENT_USER).await.expect(401, "was revoked");
    other.get(CURRENT_USER).await.expect_ok();
    // The script's token was made to outlive the session, and signing out with it leaves it alone.
    script.get("/api/v1/logout").await.expect_ok();
    script.get(CURRENT_USER).await.expect_ok();
    app.anonymous().get("/api/v1/logout").await.expect_ok();
    app.anonymous().with_token("nonsense").get("/api/v1/logout").await.expect_ok();
}

async fn a_session_that_was_ended_is_ended_on_every_replica_and_after_a_restart(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let login = one.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    let token = login["access_token"].as_str().unwrap();
    other.anonymous().with_token(token).get(CURRENT_USER).await.expect_ok();
    one.anonymous().with_token(token).get("/api/v1/logout").await.expect_ok();
    other.anonymous().with_token(token).until(401, CURRENT_USER, "was revoked").await;
    one.stop().await;
    let again = TestApp::start(&database).await;
    again.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was revoked");
}
