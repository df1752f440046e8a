//! Who gets in: a valid credential of a living account, and nobody else.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{ADMIN, Database, PASSWORD, TestApp};

const SECRET: &str = "a secret that only this test's server knows";
const CURRENT_USER: &str = "/api/v1/current-user";

on_each_store! {
    without_a_credential_nobody_gets_in,
    a_forged_or_foreign_token_is_refused_with_the_reason,
    the_token_of_a_deleted_user_ends,
    the_token_of_an_inactive_user_ends,
    a_token_from_before_a_password_change_ends,
    a_browser_is_known_by_its_cookie,
    a_browser_from_another_site_needs_its_csrf_token,
}

async fn without_a_credential_nobody_gets_in(database: Database) {
    let app = TestApp::start(&database).await;
    let nobody = app.anonymous();
    for caller in [
        nobody.clone(),
        nobody.clone().with("authorization", "Basic ZGVmYXVsdDpwYXNz"),
        nobody.clone().with("authorization", "nonsense"),
        nobody.clone().with("cookie", "other=1"),
    ] {
        let answer = caller.get(CURRENT_USER).await;
        assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Not authenticated"})));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let answer = nobody.with("authorization", "Bearer ").get(CURRENT_USER).await;
    answer.expect(401, "CredentialsNotValid");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

/// A token made by hand: the claims of a good one, changed.
fn forged(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn unsigned(claims: &Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

async fn a_forged_or_foreign_token_is_refused_with_the_reason(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_JWT_SECRET_KEY", SECRET)]).await;
    let server = app.anonymous().get("/api/v1/info").await.expect_ok()["id"].clone();
    let user = app.signed_in().await.get(CURRENT_USER).await.expect_ok()["id"].clone();
    // A whole second later, since the password was set within this one.
    let now = chrono::Utc::now().timestamp() + 1;
    let good = json!({"sub": user, "iss": server, "aud": server, "iat": now as f64, "exp": now + 60});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    };
    let hs256 = |claims: &Value| forged(claims, Algorithm::HS256, SECRET);
    let ask = async |token: String| app.anonymous().with_token(&token).get(CURRENT_USER).await;

    ask(hs256(&good)).await.expect_ok();
    for (token, reason) in [
        ("nonsense".to_owned(), "Not enough segments"),
        (format!("{}x", hs256(&good)), "Signature verification failed"),
        (forged(&good, Algorithm::HS256, "another secret"), "Signature verification failed"),
        (forged(&good, Algorithm::HS512, SECRET), "alg value is not allowed"),
        (unsigned(&good), "Invalid"),
        (hs256(&with("iss", json!("elsewhere"))), "Invalid issuer"),
        (hs256(&with("aud", json!("elsewhere"))), "Audience doesn't match"),
        (hs256(&with("aud", Value::Null)), "aud"),
        (hs256(&with("iss", Value::Null)), "iss"),
        (hs256(&with("sub", Value::Null)), "sub"),
        (hs256(&with("sub", json!("root"))), "Invalid payload"),
        (hs256(&with("exp", json!(now - 12))), "Signature has expired"),
        (hs256(&with("iat", json!((now + 60) as f64))), "not yet valid"),
        (hs256(&with("iat", json!(1e300))), "not yet valid"),
        (hs256(&with("sub", json!(uuid::Uuid::nil()))), "error retrieving token account"),
        (hs256(&with("device_id", json!(uuid::Uuid::nil()))), "error retrieving token device"),
        (hs256(&with("pipeline_run_id", json!(uuid::Uuid::nil()))), "does not exist"),
    ] {
        let answer = ask(token).await;
        answer.expect(401, reason);
        assert_eq!(answer.json()["detail"][0], "CredentialsNotValid");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

async fn the_token_of_a_deleted_user_ends(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, script) = (app.signed_in().await, app.script(600).await);
    database.execute("DELETE FROM user").await;
    script.until(401, CURRENT_USER, "error retrieving token account").await;
    admin.until(401, CURRENT_USER, "error retrieving token account").await;
}

async fn the_token_of_an_inactive_user_ends(database: Database) {
    let app = TestApp::start(&database).await;
    let script = app.script(600).await;
    database.execute("UPDATE user SET active = 0").await;
    script.until(401, CURRENT_USER, "is not active").await;
    app.anonymous().login(ADMIN, PASSWORD).await.expect(401, "invalid username or password");
    app.anonymous().login(ADMIN, "wrong").await.expect(401, "invalid username or password");
}

async fn a_token_from_before_a_password_change_ends(database: Database) {
    let app = TestApp::start(&database).await;
    let script = app.script(600).await;
    let later = (chrono::Utc::now() + chrono::TimeDelta::seconds(5)).format("%Y-%m-%d %H:%M:%S%.6f");
    database.execute(&format!("UPDATE user SET password_changed_at = '{later}'")).await;
    script.until(401, CURRENT_USER, "before the user's password was changed").await;
    app.clock.advance(6);
    app.signed_in().await.get(CURRENT_USER).await.expect_ok();
}

async fn a_browser_is_known_by_its_cookie(database: Database) {
    let app = TestApp::start(&database).await;
    let server = app.anonymous().get("/api/v1/info").await.expect_ok()["id"].clone();
    let login = app.anonymous().login(ADMIN, PASSWORD).await;
    let set_cookie = login.header("set-cookie").unwrap();
    let cookie = set_cookie.split(';').next().unwrap();
    assert!(cookie.starts_with(&format!("zenml-server-{}=", server.as_str().unwrap())), "{cookie}");
    assert!(set_cookie.contains("HttpOnly") && set_cookie.contains("SameSite=Lax"), "{set_cookie}");
    let browser = app.anonymous().with("cookie", cookie);
    browser.get(CURRENT_USER).await.expect_ok();
    // A cookie that holds something wins over the bearer, an empty one doesn't count.
    let name = cookie.split('=').next().unwrap();
    let script = app.script(60).await;
    script
        .clone()
        .with("cookie", &format!("{name}=nonsense"))
        .get(CURRENT_USER)
        .await
        .expect(401, "Not enough");
    script.with("cookie", &format!("{name}=")).get(CURRENT_USER).await.expect_ok();
    let logout = browser.get("/api/v1/logout").await;
    assert_eq!(logout.expect_ok(), Value::Null);
    let removal = logout.header("set-cookie").unwrap();
    assert!(removal.starts_with(&format!("{name}=;")) && removal.contains("Max-Age=0"), "{removal}");
}

async fn a_browser_from_another_site_needs_its_csrf_token(database: Database) {
    let app = TestApp::start(&database).await;
    let elsewhere = app.anonymous().with("origin", "https://dashboard.example");
    let login = elsewhere.login(ADMIN, PASSWORD).await;
    let body = login.expect_ok();
    let csrf_token = body["csrf_token"].as_str().unwrap();
    let cookie = login.header("set-cookie").unwrap();
    assert!(cookie.contains("SameSite=None") && cookie.contains("Secure"), "{cookie}");
    let browser = elsewhere.with("cookie", cookie.split(';').next().unwrap());
    browser.get(CURRENT_USER).await.expect(401, "missing CSRF token");
    browser.clone().with("x-csrf-token", "wrong").get(CURRENT_USER).await.expect(401, "does not match");
    let browser = browser.with("x-csrf-token", csrf_token);
    browser.get(CURRENT_USER).await.expect_ok();
    // A token made over that session is used by scripts, which have no CSRF token.
    let token = browser.api_token(60).await;
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
    // The same site, with another port or a subdomain, needs none.
    let same_site = app.anonymous().with("origin", "http://127.0.0.1:3000").login(ADMIN, PASSWORD).await;
    assert_eq!(same_site.expect_ok()["csrf_token"], Value::Null);
}

/// Every operation of the contract but the ones that need no principal there.
#[tokio::test]
async fn no_closed_route_is_reached_without_a_principal() {
    let app = TestApp::start(&Database::sqlite()).await;
    let contract: Value = serde_json::from_str(include_str!("../../contract/openapi.json")).unwrap();
    let mut walked = 0;
    for operation in zendo::testing::operations_of_contract() {
        let entry = &contract["paths"][operation.path][operation.method.to_lowercase()];
        if entry["security"].is_null() {
            continue;
        }
        let path = operation.path.replace(['{', '}'], "");
        let method = reqwest::Method::from_bytes(operation.method.as_bytes()).unwrap();
        let answer = app.anonymous().request(method, &path, "").await;
        assert_eq!(answer.status, 401, "{operation:?}");
        walked += 1;
    }
    assert!(walked > 250, "{walked}");
}
