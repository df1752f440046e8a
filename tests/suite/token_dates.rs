//! When a token says that it was made: in whole seconds that have come, which every verifier takes, while what came first
//! within a second still counts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Caller, Database, PASSWORD, TestApp, python};

const CURRENT_USER: &str = "/api/v1/current-user";
const SECRET: (&str, &str) = ("ZENML_SERVER_JWT_SECRET_KEY", "a signing secret that the operator has set");
const CLIENT: &str = "00000000-0000-0000-0000-00000000c11e";
const SCHEDULE: &str = "00000000000000000000000000000001";

on_each_store! {
    every_kind_of_token_has_whole_dates_that_have_come,
    tokens_of_running_releases_stay_good_to_their_end,
    what_came_first_within_a_second_counts,
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn token_of(answer: &Answer) -> String {
    answer.expect_ok()["access_token"].as_str().unwrap().to_owned()
}

/// The token in the answer's cookie.
fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap();
    cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned()
}

async fn of_a_key(app: &TestApp, admin: &Caller) -> String {
    let account = json!({"name": "ci", "active": true});
    admin.post("/api/v1/service_accounts", account).await.expect_ok();
    let id = admin.get("/api/v1/service_accounts/ci").await.expect_ok()["id"].clone();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", id.as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "key"})).await.expect_ok()["body"]["key"].clone();
    token_of(&app.anonymous().post_form("/api/v1/login", &[("password", key.as_str().unwrap())]).await)
}

async fn of_a_device(app: &TestApp, admin: &Caller) -> String {
    let asked = app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", CLIENT)]).await;
    let asked = asked.expect_ok();
    let link = asked["verification_uri_complete"].as_str().unwrap();
    let id = link.split_once("device_id=").unwrap().1.split('&').next().unwrap();
    let approval = json!({"user_code": asked["user_code"]});
    admin.put(&format!("/api/v1/devices/{id}/verify"), approval).await.expect_ok();
    let form = [("client_id", CLIENT), ("device_code", asked["device_code"].as_str().unwrap())];
    token_of(&app.anonymous().post_form("/api/v1/login", &form).await)
}

async fn of_a_schedule(admin: &Caller, database: &Database) -> String {
    let sql = format!(
        "INSERT INTO schedule (id, created, updated, name, active, catchup, is_archived, project_id) \
         SELECT '{SCHEDULE}', created, created, 's', 1, 0, 0, id FROM project"
    );
    database.execute(&sql).await;
    let query = format!("/api/v1/api_token?token_type=workload&schedule_id={SCHEDULE}");
    admin.get(&query).await.expect_ok().as_str().unwrap().to_owned()
}

/// A session that began just after its password was changed, which MySQL notes at the end of the second.
async fn after_a_change_of_the_password(app: &TestApp) -> String {
    let ada = app.new_user("ada", false).await;
    let change = json!({"password": "another horse", "old_password": PASSWORD});
    ada.put(CURRENT_USER, change).await.expect_ok();
    token_of(&app.anonymous().login("ada", "another horse").await)
}

async fn every_kind_of_token_has_whole_dates_that_have_come(database: Database) {
    let app = TestApp::start_with(&database, &[SECRET]).await;
    let admin = app.signed_in().await;
    let login = async |caller: Caller| caller.login(ADMIN, PASSWORD).await;
    let script = app.anonymous().with_token(&admin.api_token(600).await);
    let kinds = [
        ("login", token_of(&login(app.anonymous()).await)),
        ("cookie", cookie_of(&login(app.anonymous()).await)),
        ("another site's", token_of(&login(app.anonymous().with("origin", "https://else.example")).await)),
        ("console", cookie_of(&login(app.anonymous().with("x-zendo-session", "console")).await)),
        ("generic", script.api_token(60).await),
        ("key", of_a_key(&app, &admin).await),
        ("device", of_a_device(&app, &admin).await),
        ("workload", of_a_schedule(&admin, &database).await),
        ("new password", after_a_change_of_the_password(&app).await),
    ];
    let now = chrono::Utc::now().timestamp();
    for (kind, token) in kinds {
        let claims = claims(&token);
        let dates = ["iat", "auth_time"].map(|claim| claims[claim].as_i64());
        let [Some(made), Some(proven)] = dates else { panic!("{kind}: {claims}") };
        assert!(proven <= made && made <= now && made > now - 60, "{kind}: {claims}");
        assert!(claims["exp"].is_null() || claims["exp"].is_i64(), "{kind}: {claims}");
    }
    // What was proved to a server whose clock is ahead was not proved in the future.
    app.clock.advance(5);
    let ahead = app.signed_in().await;
    app.clock.advance(-5);
    let claims = claims(&ahead.api_token(60).await);
    assert!(claims["auth_time"].as_i64() <= claims["iat"].as_i64(), "{claims}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libraries_of_others_verify_a_fresh_token() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let signing = ("ZENDO_SIGNING_ALGORITHM", algorithm);
        let app = TestApp::start_with(&Database::sqlite(), &[signing]).await;
        python("verify_tokens.py", &app.url(), &[signing]).await;
        app.stop().await;
    }
}

fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.1.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}

/// Their dates have a fraction. ZenML's server says nothing but when a token was made.
async fn tokens_of_running_releases_stay_good_to_their_end(database: Database) {
    let app = TestApp::start_with(&database, &[SECRET]).await;
    let admin = app.signed_in().await;
    let new = claims(&admin.api_token(600).await);
    // Whole seconds after the password was set, which MySQL notes at the end of the second.
    app.clock.advance(4);
    let now = chrono::Utc::now().timestamp_micros() as f64 / 1e6 + 3.0;
    let with = |claims: &[(&str, Value)]| {
        let mut all = new.clone();
        all.as_object_mut().unwrap().remove("proven_at");
        claims.iter().for_each(|(name, value)| all[*name] = value.clone());
        signed(&all)
    };
    let of_zenml = |iat: f64| {
        signed(
            &json!({"sub": new["sub"], "iss": new["iss"], "aud": new["aud"], "iat": iat, "exp": new["exp"]}),
        )
    };
    let ended = ("exp", json!(now as i64 - 11));
    let dated = |at: f64| [("iat", json!(at)), ("auth_time", json!(at))];
    for token in [with(&dated(now)), with(&dated(now - 0.5)), of_zenml(now), of_zenml(now.floor())] {
        app.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
        let said = admin.post_form("/oauth/introspect", &[("token", &token)]).await.expect_ok();
        assert_eq!(said["iat"].as_i64(), Some(claims(&token)["iat"].as_f64().unwrap() as i64));
        let child = app.anonymous().with_token(&token).api_token(60).await;
        let [proven, child] = [claims(&token), claims(&child)];
        let proven = if proven["auth_time"].is_null() { &proven["iat"] } else { &proven["auth_time"] };
        assert_eq!(child["proven_at"], json!((proven.as_f64().unwrap() * 1e6).round() as i64));
    }
    let expired = with(&[dated(now - 600.5).as_slice(), &[ended]].concat());
    app.anonymous().with_token(&expired).get(CURRENT_USER).await.expect(401, "expired");
}

/// Moments of a password and of an older release's revocation are to the microsecond, where the store keeps one.
async fn what_came_first_within_a_second_counts(database: Database) {
    let app = TestApp::start_with(&database, &[SECRET]).await;
    let token = app.signed_in().await.api_token(600).await;
    let whole = claims(&token);
    // As a token that remembers no generation: they go by the moment alone.
    let proven_at = |micros: i64| {
        let mut claims = whole.clone();
        let all = claims.as_object_mut().unwrap();
        all.retain(|name, _| !["generation", "password_at"].contains(&name.as_str()));
        all["proven_at"] = micros.into();
        all["jti"] = uuid::Uuid::new_v4().to_string().into();
        app.anonymous().with_token(&signed(&claims))
    };
    let second = whole["iat"].as_i64().unwrap() + 1;
    let (before, after) = (proven_at(second * 1_000_000 + 400_000), proven_at(second * 1_000_000 + 600_000));
    let moment = chrono::DateTime::from_timestamp_millis(second * 1000 + 500).unwrap();
    let written = moment.format("%Y-%m-%d %H:%M:%S%.6f");
    app.clock.advance(2);
    if database.is_mariadb() {
        // The password's moment is a whole second there.
        database
            .execute(&format!("UPDATE user SET password_changed_at = '{}'", moment.format("%F %T")))
            .await;
        proven_at(second * 1_000_000 - 1).until(401, CURRENT_USER, "password").await;
    } else {
        database.execute(&format!("UPDATE user SET password_changed_at = '{written}'")).await;
        before.until(401, CURRENT_USER, "password").await;
    }
    after.get(CURRENT_USER).await.expect_ok();
    let user = whole["sub"].as_str().unwrap().replace('-', "");
    let row = format!(
        "INSERT INTO zendo_tokens_revoked_before (user_id, revoked_before, revoked_ms) VALUES ('{user}', '{written}', {})",
        chrono::Utc::now().timestamp_millis() + 2000
    );
    database.execute(&row).await;
    before.until(401, CURRENT_USER, "").await;
    proven_at(second * 1_000_000 + 499_999).until(401, CURRENT_USER, "was revoked").await;
    after.get(CURRENT_USER).await.expect_ok();
}
