//! A server that starts with revocations by the hundred thousand knows each of them.

use std::time::Duration;

use serde_json::json;

use crate::support::{Database, PASSWORD, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
/// So many that the store reads them in pieces, and in several ranges at once.
const DIGITS: u32 = 5;

on_each_store! {
    a_start_with_many_revocations_knows_each,
    a_token_that_was_found_good_is_refused_once_it_is_revoked,
}

/// Ten times ten thousand rows of other servers, with ids of no order.
async fn revoke_many(database: &Database) {
    let digits: Vec<String> = (0..10).map(|digit| format!("SELECT {digit} AS d")).collect();
    let digits = format!("({})", digits.join(" UNION ALL "));
    let tables: Vec<String> = (0..DIGITS).map(|table| format!("{digits} AS t{table}")).collect();
    let id = if database.is_mariadb() { "MD5(UUID())" } else { "LOWER(HEX(RANDOMBLOB(16)))" };
    let end = chrono::Utc::now().timestamp() + 3600;
    let insert = "INSERT INTO zendo_revoked_token (jti, expires, revoked_ms, alone, position)";
    let all = tables.join(", ");
    // Ends of all kinds: each second of a day, none, and those that no token has.
    let expires =
        format!("CASE t0.d WHEN 0 THEN NULL WHEN 1 THEN -1 WHEN 2 THEN 9000000000000000 ELSE {end} END");
    database.execute(&format!("{insert} SELECT {id}, {expires}, 0, t1.d = 3, 1 FROM {all}")).await;
}

async fn a_start_with_many_revocations_knows_each(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (good, bad) = (admin.api_token(3600).await, admin.api_token(3600).await);
    let login = app.anonymous().login("default", PASSWORD).await.expect_ok();
    let session = login["access_token"].as_str().unwrap();
    app.anonymous().with_token(session).get("/api/v1/logout").await.expect_ok();
    app.anonymous().post("/api/v1/api_tokens/revoke", json!({"token": bad})).await.expect_ok();
    app.stop().await;
    revoke_many(&database).await;
    let app = TestApp::start(&database).await;
    app.anonymous().with_token(&good).get(CURRENT_USER).await.expect_ok();
    app.anonymous().with_token(&bad).get(CURRENT_USER).await.expect(401, "was revoked");
    app.anonymous().with_token(session).get(CURRENT_USER).await.expect(401, "was revoked");
    assert_eq!(app.state.auth.revocations.number(), 10_usize.pow(DIGITS) + 2);
}

/// What was found of a token is remembered, but for no longer than nothing is revoked.
async fn a_token_that_was_found_good_is_refused_once_it_is_revoked(database: Database) {
    let (here, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let admin = here.signed_in().await;
    for _ in 0..3 {
        let (token, parent) = (admin.api_token(600).await, admin.api_token(600).await);
        let child = here.anonymous().with_token(&parent).api_token(600).await;
        for token in [&token, &parent, &child] {
            for app in [&here, &other] {
                app.anonymous().with_token(token).get(CURRENT_USER).await.expect_ok();
                app.anonymous().with_token(token).get(CURRENT_USER).await.expect_ok();
            }
        }
        for (revoked, ended) in [(&token, &token), (&parent, &child)] {
            let revoke = json!({"token": revoked});
            here.anonymous().post("/api/v1/api_tokens/revoke", revoke).await.expect_ok();
            let answered = std::time::Instant::now();
            here.anonymous().with_token(ended).get(CURRENT_USER).await.expect(401, "was revoked");
            other.anonymous().with_token(ended).until(401, CURRENT_USER, "was revoked").await;
            assert!(answered.elapsed() < Duration::from_secs(2), "{:?}", answered.elapsed());
        }
    }
}
