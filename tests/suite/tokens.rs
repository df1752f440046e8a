//! An API token: asked for, capped, used, and over when it is over.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Database, TestApp};

on_each_store! {
    a_token_is_asked_for_and_used,
    a_token_is_capped_by_the_operator,
    a_lifetime_that_can_not_be_meant_is_refused_and_named,
    a_token_ends_when_it_said,
    a_token_never_outlives_the_generic_token_that_asked_for_it,
    a_login_token_does_not_limit_its_children,
    a_token_goes_back_to_the_sign_in_it_was_made_from,
    what_can_not_be_asked_for_is_refused,
}

fn payload(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// On MariaDB a token made within the second of the password change says it was made at that second's end.
#[track_caller]
fn lives(token: &str, seconds: i64) {
    let claims = payload(token);
    let life = claims["exp"].as_f64().unwrap() - claims["iat"].as_f64().unwrap();
    assert!(life > seconds as f64 - 2.0 && life <= seconds as f64, "{life} instead of {seconds} seconds");
}

async fn a_token_is_asked_for_and_used(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let user = admin.get("/api/v1/current-user").await.expect_ok();
    let server = app.anonymous().get("/api/v1/info").await.expect_ok();

    let token = admin.get("/api/v1/api_token").await.expect_ok();
    let token = token.as_str().unwrap();
    let claims = payload(token);
    assert_eq!(claims["sub"], user["id"]);
    assert_eq!(claims["iss"], server["id"]);
    assert_eq!(claims["aud"], server["id"]);
    assert_eq!(claims["token_type"], "generic");
    assert!(uuid::Uuid::try_parse(claims["jti"].as_str().unwrap()).is_ok());
    lives(token, 3600);

    let script = app.anonymous().with_token(token);
    assert_eq!(script.get("/api/v1/current-user").await.expect_ok(), user);
    let another = admin.get("/api/v1/api_token").await.expect_ok();
    assert_ne!(payload(another.as_str().unwrap())["jti"], claims["jti"]);
}

async fn a_token_is_capped_by_the_operator(database: Database) {
    let cap = ("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "600");
    let app = TestApp::start_with(&database, &[cap]).await;
    let admin = app.signed_in().await;
    let answer = admin.get("/api/v1/api_token?expires_in=601").await;
    assert_eq!(answer.status, 400);
    let sentence =
        "The maximum expiration time for generic API tokens allowed by this server is 600 seconds.";
    assert_eq!(answer.json(), json!({"detail": ["ValueError", sentence]}));
    lives(&admin.api_token(600).await, 600);
    let by_default = admin.get("/api/v1/api_token").await.expect_ok();
    lives(by_default.as_str().unwrap(), 600);
}

async fn a_lifetime_that_can_not_be_meant_is_refused_and_named(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for lifetime in ["0", "-1", "-1000000000000", "abc", "1.5", "", "1e3", "99999999999999999999"] {
        let answer = admin.get(&format!("/api/v1/api_token?expires_in={lifetime}")).await;
        answer.expect(422, "('query', 'expires_in')");
        assert_eq!(answer.json()[0], "ValueError");
    }
    for spelling in ["60", "60.0", "%2B60", "0060", "6_0", "5&expires_in=60"] {
        let token = admin.get(&format!("/api/v1/api_token?expires_in={spelling}")).await.expect_ok();
        lives(token.as_str().unwrap(), 60);
    }
    admin.get("/api/v1/api_token?expires_in=604800").await.expect_ok();
    admin.get("/api/v1/api_token?expires_in=604801").await.expect(400, "604800 seconds");
}

async fn a_token_ends_when_it_said(database: Database) {
    let app = TestApp::start(&database).await;
    app.clock.hold();
    let script = app.script(60).await;
    script.get("/api/v1/current-user").await.expect_ok();
    // The leeway for clocks that differ is 10 seconds.
    app.clock.advance(68);
    script.get("/api/v1/current-user").await.expect_ok();
    app.clock.advance(3);
    script.get("/api/v1/current-user").await.expect(401, "Signature has expired");
    app.signed_in().await.get("/api/v1/current-user").await.expect_ok();
}

async fn a_token_never_outlives_the_generic_token_that_asked_for_it(database: Database) {
    let app = TestApp::start(&database).await;
    let parent = app.signed_in().await.api_token(100).await;
    let script = app.anonymous().with_token(&parent);
    for asked in [50, 100, 101, 604_800] {
        let child = payload(&script.api_token(asked).await);
        assert!(child["exp"].as_i64() <= payload(&parent)["exp"].as_i64(), "{asked}");
    }
    let child = script.api_token(604_800).await;
    let grandchild = app.anonymous().with_token(&child).api_token(604_800).await;
    assert_eq!(payload(&grandchild)["exp"], payload(&parent)["exp"]);
    lives(&script.api_token(50).await, 50);
}

/// A replica may know a second late that a password was changed; what an old token makes there is no younger for it.
async fn a_token_goes_back_to_the_sign_in_it_was_made_from(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.clock.advance(10);
    let child = admin.api_token(600).await;
    app.clock.advance(10);
    let grandchild = app.anonymous().with_token(&child).api_token(600).await;
    assert_eq!(payload(&grandchild)["auth_time"], payload(&child)["auth_time"]);
    let made = payload(&child)["iat"].as_f64().unwrap() - payload(&child)["auth_time"].as_f64().unwrap();
    assert!((9.0..12.0).contains(&made), "{made}");
    // The password was changed between the sign-in and the making of these tokens.
    let between = (chrono::Utc::now() + chrono::TimeDelta::seconds(5)).format("%Y-%m-%d %H:%M:%S.000000");
    database.execute(&format!("UPDATE user SET password_changed_at = '{between}'")).await;
    for token in [child, grandchild] {
        let script = app.anonymous().with_token(&token);
        script.until(401, "/api/v1/current-user", "before the user's password was changed").await;
    }
}

async fn a_login_token_does_not_limit_its_children(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES", "1")]).await;
    let admin = app.signed_in().await;
    lives(&admin.api_token(7200).await, 7200);
    app.clock.advance(75);
    admin.get("/api/v1/current-user").await.expect(401, "Signature has expired");
}

async fn what_can_not_be_asked_for_is_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let id = uuid::Uuid::nil();
    admin.get("/api/v1/api_token?token_type=workload").await.expect(400, "must be scoped");
    admin.get(&format!("/api/v1/api_token?schedule_id={id}")).await.expect(400, "cannot be scoped");
    let workload = format!("/api/v1/api_token?token_type=workload&pipeline_run_id={id}");
    admin.get(&workload).await.expect(400, "does not exist");
    let wrong = "/api/v1/api_token?token_type=forever&schedule_id=x&expires_in=y";
    admin.get(wrong).await.expect(422, "3 validation errors");
}

#[tokio::test]
async fn each_algorithm_signs_and_no_other_passes() {
    let database = Database::sqlite();
    let mut tokens: Vec<String> = Vec::new();
    for algorithm in ["HS256", "HS384", "HS512"] {
        let app = TestApp::start_with(&database, &[("ZENML_SERVER_JWT_TOKEN_ALGORITHM", algorithm)]).await;
        let token = app.signed_in().await.api_token(60).await;
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], algorithm);
        app.anonymous().with_token(&token).get("/api/v1/current-user").await.expect_ok();
        for other in &tokens {
            let answer = app.anonymous().with_token(other).get("/api/v1/current-user").await;
            answer.expect(401, "alg value is not allowed");
        }
        tokens.push(token);
        app.stop().await;
    }
}
