//! Each table that grows has a sweep: what is over goes, and what isn't stays.

use serde_json::json;

use crate::support::{Caller, Database, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
/// Revocations of endless tokens that are kept of each account.
const ENDLESS_KEPT: usize = 10_000;

on_each_store! {
    each_table_of_zendos_own_is_swept,
    revocations_of_endless_tokens_are_bounded_by_account,
    revocations_of_an_account_that_is_gone_go_with_it,
    a_long_sweep_delays_no_revocation,
}

async fn count(database: &Database, table: &str) -> usize {
    database.texts(&format!("SELECT 'x' FROM {table}")).await.len()
}

/// All that the server does now and then.
async fn sweep(app: &TestApp) {
    zendo::testing::do_each_job(&app.state).await.unwrap();
}

async fn each_table_of_zendos_own_is_swept(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_SIGNING_ALGORITHM", "EdDSA")]).await;
    let admin = app.signed_in().await;
    let own: Vec<String> =
        database.tables().await.into_iter().filter(|table| table.starts_with("zendo_")).collect();
    // A row of each that is over after two years, and one of each that isn't.
    fill(&app, &database, &admin).await;
    let swept = [
        "zendo_api_key_bounds",
        "zendo_api_key_digest",
        "zendo_api_token",
        "zendo_audit",
        "zendo_deactivation",
        "zendo_identity",
        "zendo_known_place",
        "zendo_oidc_device",
        "zendo_oidc_sign_in",
        "zendo_operator_password",
        "zendo_revoked_token",
        "zendo_revoked_up_to",
        "zendo_sign_in_failure",
        "zendo_signing_key",
        "zendo_token_network",
        "zendo_tokens_revoked_before",
        "zendo_used_subject_token",
        "zendo_warning",
        "zendo_warning_delivery",
        "zendo_webhook_delivery",
        "auth_devices",
    ];
    // A row for each name that the code has, and for each rule that an admin has made; and what stands for rows of ZenML's
    // tables and goes with them (long_lists).
    let fixed = [
        "zendo_logged_value",
        "zendo_migrations",
        "zendo_secret",
        "zendo_trust",
        "zendo_turn",
        "zendo_unused_version",
    ];
    let unknown: Vec<&String> = own
        .iter()
        .filter(|table| !swept.contains(&table.as_str()) && !fixed.contains(&table.as_str()))
        .collect();
    assert!(unknown.is_empty(), "tables without a sweep that is tried here: {unknown:?}");
    for table in swept {
        assert!(count(&database, table).await > 0, "{table} has rows");
    }
    sweep(&app).await;
    assert_eq!(
        database.texts("SELECT kid FROM zendo_signing_key WHERE retired_ms IS NOT NULL").await.len(),
        1
    );
    assert_eq!(count(&database, "zendo_sign_in_failure").await, 2);
    assert_eq!(count(&database, "auth_devices").await, 2);
    assert_eq!(database.texts("SELECT jti FROM zendo_revoked_token").await.len(), 1);
    app.clock.advance(2 * 365 * 86_400);
    sweep(&app).await;
    for table in swept.into_iter().filter(|table| !["zendo_signing_key", "auth_devices"].contains(table)) {
        assert_eq!(count(&database, table).await, 0, "{table}");
    }
    assert_eq!(count(&database, "zendo_signing_key").await, 1, "the one that signs stays");
    assert_eq!(count(&database, "auth_devices").await, 1, "the one that somebody has approved stays");
}

async fn fill(app: &TestApp, database: &Database, admin: &Caller) {
    let token = admin.api_token(60).await;
    app.anonymous().post("/api/v1/api_tokens/revoke", json!({"token": token})).await.expect_ok();
    app.anonymous().login("default", "guess").await.expect(401, "");
    let client = uuid::Uuid::new_v4().to_string();
    for client in [&client, "00000000-0000-0000-0000-00000000c11e"] {
        app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", client)]).await.expect_ok();
    }
    let approve = format!(
        "UPDATE auth_devices SET status = 'active', user_id = (SELECT id FROM user WHERE name = 'default') \
         WHERE client_id = '{}'",
        client.replace('-', "")
    );
    database.execute(&approve).await;
    let now = chrono::Utc::now().timestamp_millis();
    let gone = "0".repeat(32);
    let rows = [
        format!(
            "INSERT INTO zendo_api_key_digest (key_hash, digest, api_key_id) VALUES ('x', 'x', '{gone}')"
        ),
        format!("INSERT INTO zendo_used_subject_token (digest, ends_ms) VALUES ('{gone}', {now} + 60000)"),
        format!("INSERT INTO zendo_webhook_delivery (digest, received_ms) VALUES ('{gone}', {now})"),
        format!("INSERT INTO zendo_operator_password (user_id, until_ms) VALUES ('{gone}', {now} + 60000)"),
        format!(
            "INSERT INTO zendo_identity (id, person, issuer, subject, user_id, created) \
             VALUES ('{gone}', 'x', 'x', 'x', '{gone}', '2026-01-01 00:00:00')"
        ),
        format!(
            "INSERT INTO zendo_oidc_sign_in (id, user_id, person, token_id, console_token_id, created) \
             VALUES ('{gone}', '{gone}', 'x', '{gone}', '{gone}', '2026-01-01 00:00:00')"
        ),
        format!(
            "INSERT INTO zendo_oidc_device (client_id, user_id, sign_in_id) VALUES ('{gone}', '{gone}', '{gone}')"
        ),
        format!("INSERT INTO zendo_api_key_bounds (api_key_id, generation) VALUES ('{gone}', 1)"),
        format!(
            "INSERT INTO zendo_token_network (token_id, network, first_used, last_used) \
             VALUES ('{gone}', '10.0.0.0/24', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
        ),
        format!(
            "INSERT INTO zendo_warning (id, created, once, kind, text, subject_kind, subject_id, subject_name, details) \
             VALUES ('{gone}', '2026-01-01 00:00:00', 'x', 'x', 'x', 'user', '{gone}', 'x', '{{}}')"
        ),
        format!(
            "INSERT INTO zendo_warning_delivery (id, warning_id, receiver, attempts, due) \
             VALUES ('{gone}', '{gone}', 'x', 1, 1)"
        ),
        format!(
            "INSERT INTO zendo_revoked_up_to (user_id, jti, position, revoked_ms) VALUES ('{gone}', '{gone}', 1, 1)"
        ),
        format!(
            "INSERT INTO zendo_tokens_revoked_before (user_id, revoked_before, revoked_ms) \
             VALUES ('{gone}', '2026-01-01 00:00:00', 1)"
        ),
        format!(
            "INSERT INTO zendo_deactivation (user_id, tokens_ended) VALUES ('{gone}', '2026-01-01 00:00:00')"
        ),
        format!(
            "INSERT INTO zendo_signing_key (kid, algorithm, public_jwk, created_ms, signs_from_ms, retired_ms) \
             VALUES ('{gone}', 'EdDSA', '{{}}', 1, 1, {now})"
        ),
    ];
    for row in rows {
        database.execute(&row).await;
    }
    app.state.auth.register.flush().await.unwrap();
}

/// Rows as so many sign-outs of an account leave them at an older server, their ids in the order of time.
async fn revoke_many(database: &Database, user: &str, rows: usize) -> Vec<String> {
    let id = |number: usize| format!("0190000000007000800000000{number:07}");
    let ids: Vec<String> = (0..rows).map(id).collect();
    let now = chrono::Utc::now().timestamp_millis();
    for ids in ids.chunks(500) {
        let values: Vec<String> =
            ids.iter().map(|id| format!("('{id}', NULL, {now}, 0, '{user}')")).collect();
        let values = values.join(",");
        let insert = "INSERT INTO zendo_revoked_token (jti, expires, revoked_ms, position, user_id) VALUES";
        database.execute(&format!("{insert} {values}")).await;
    }
    ids
}

async fn revocations_of_endless_tokens_are_bounded_by_account(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let user = admin.get(CURRENT_USER).await.expect_ok()["id"].as_str().unwrap().replace('-', "");
    revoke_many(&database, &user, ENDLESS_KEPT + 500).await;
    let login = app.anonymous().login("default", crate::support::PASSWORD).await.expect_ok();
    let leaving = app.anonymous().with_token(login["access_token"].as_str().unwrap());
    leaving.get("/api/v1/logout").await.expect_ok();
    app.stop().await;
    let app = TestApp::start(&database).await;
    sweep(&app).await;
    let left = count(&database, "zendo_revoked_token").await;
    assert!(left <= ENDLESS_KEPT / 2 + 1, "{left}");
    // Whoever is signed in stays so, whoever has signed out does so too, here and elsewhere and after a restart.
    let other = TestApp::start(&database).await;
    for app in [&app, &other] {
        let token = login["access_token"].as_str().unwrap();
        app.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was revoked");
        app.signed_in().await.get(CURRENT_USER).await.expect_ok();
    }
    let still_there = database.texts("SELECT jti FROM zendo_revoked_up_to").await;
    assert_eq!(still_there.len(), 1);
    sweep(&other).await;
    assert_eq!(count(&database, "zendo_revoked_token").await, left, "once is enough");
}

async fn revocations_of_an_account_that_is_gone_go_with_it(database: Database) {
    let app = TestApp::start(&database).await;
    let bob = app.new_user("bob", false).await;
    bob.get("/api/v1/logout").await.expect_ok();
    sweep(&app).await;
    assert_eq!(count(&database, "zendo_revoked_token").await, 1);
    app.signed_in().await.delete("/api/v1/users/bob").await.expect_ok();
    sweep(&app).await;
    assert_eq!(count(&database, "zendo_revoked_token").await, 0);
    bob.get(CURRENT_USER).await.expect(401, "");
}

/// The jobs are apart: while rows are swept by the thousands, what another replica revokes is heard.
async fn a_long_sweep_delays_no_revocation(database: Database) {
    let app = TestApp::start(&database).await;
    let other = TestApp::start(&database).await;
    revoke_many(&database, &"0".repeat(32), 5_000).await;
    let admin = app.signed_in().await;
    let heard = async {
        for _ in 0..3 {
            let token = admin.api_token(60).await;
            let elsewhere = other.anonymous().with_token(&token);
            app.anonymous().post("/api/v1/api_tokens/revoke", json!({"token": token})).await.expect_ok();
            let answered = std::time::Instant::now();
            elsewhere.until(401, CURRENT_USER, "was revoked").await;
            assert!(answered.elapsed() < std::time::Duration::from_secs(2), "{:?}", answered.elapsed());
        }
    };
    tokio::join!(sweep(&other), heard);
    assert_eq!(count(&database, "zendo_revoked_token").await, 3);
}
