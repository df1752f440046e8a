//! The other ways an operator can have people sign in.

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Json, Router, routing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";

on_each_store! {
    without_authentication_everyone_is_the_admin,
    basic_credentials_come_with_each_request,
    another_service_says_who_people_are,
}

async fn without_authentication_everyone_is_the_admin(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTH_SCHEME", "NO_AUTH")]).await;
    let user = app.anonymous().get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["body"]["is_admin"]), (&json!(ADMIN), &json!(true)));
    let info = app.anonymous().get("/api/v1/info").await.expect_ok();
    assert_eq!(info["auth_scheme"], "NO_AUTH");
    app.anonymous().get("/api/v1/api_token").await.expect(401, "AuthorizationException");
}

async fn basic_credentials_come_with_each_request(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTH_SCHEME", "HTTP_BASIC")]).await;
    app.clock.hold();
    let with = |name: &str, password: &str| {
        let encoded = STANDARD.encode(format!("{name}:{password}"));
        app.anonymous().with("authorization", &format!("Basic {encoded}"))
    };
    for _ in 0..3 {
        let user = with(ADMIN, PASSWORD).get(CURRENT_USER).await.expect_ok();
        assert_eq!(user["name"], ADMIN);
    }
    let none = app.anonymous().get(CURRENT_USER).await;
    none.expect(401, "Not authenticated");
    assert_eq!(none.header("www-authenticate"), Some("Basic"));
    app.anonymous()
        .with("authorization", "Bearer x")
        .get(CURRENT_USER)
        .await
        .expect(401, "Not authenticated");
    for _ in 0..6 {
        with(ADMIN, "wrong").get(CURRENT_USER).await.expect(401, "invalid username or password");
    }
    with(ADMIN, "wrong").get(CURRENT_USER).await.expect(429, "Too many failed attempts");
    app.clock.advance(60);
    // A remembered credential ends with its password.
    with(ADMIN, PASSWORD).get(CURRENT_USER).await.expect_ok();
    let later = (chrono::Utc::now() + chrono::TimeDelta::seconds(5)).format("%Y-%m-%d %H:%M:%S.000000");
    database.execute(&format!("UPDATE user SET password_changed_at = '{later}', password = 'x'")).await;
    with(ADMIN, PASSWORD).until(401, CURRENT_USER, "invalid username or password").await;
}

/// A service that knows `good` and `robot`, and asks for the server's name.
async fn authenticator() -> String {
    async fn user_info(uri: Uri, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
        if uri.query() != Some("server_id=00000000-0000-0000-0000-000000000001") {
            return Err(StatusCode::NOT_FOUND);
        }
        match headers["authorization"].to_str().unwrap() {
            "Bearer good" => Ok(Json(json!({
                "id": "00000000-0000-0000-0000-000000000002", "username": "eve", "name": "Eve Example",
                "email": "eve@example.com", "is_superuser": true, "oidc_claims": {"team": "vision"},
                "something": "else",
            }))),
            "Bearer default" => Ok(Json(json!({
                "id": "00000000-0000-0000-0000-000000000003", "username": ADMIN, "is_superuser": false,
            }))),
            "Bearer robot" => Ok(Json(json!({
                "id": "00000000-0000-0000-0000-000000000004", "username": "robot", "is_service_account": true,
            }))),
            "Bearer broken" => Ok(Json(json!({"id": "x"}))),
            "Bearer failing" => Err(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Err(StatusCode::FORBIDDEN),
        }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/user_info", listener.local_addr().unwrap());
    let router = Router::new().route("/user_info", routing::get(user_info));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn external_login(app: &TestApp, token: &str) -> crate::support::Answer {
    let caller: Caller = app.anonymous().with("authorization", &format!("Bearer {token}"));
    caller.post_form("/api/v1/login", &[("grant_type", "zenml-external")]).await
}

async fn another_service_says_who_people_are(database: Database) {
    // A token from before the scheme was changed belongs to an account of zendo's own.
    let local = TestApp::start(&database).await.signed_in().await;
    let url = authenticator().await;
    let settings = [
        ("ZENML_SERVER_AUTH_SCHEME", "EXTERNAL"),
        ("ZENML_SERVER_EXTERNAL_LOGIN_URL", "https://login.example/start"),
        ("ZENML_SERVER_EXTERNAL_USER_INFO_URL", &url),
        ("ZENML_SERVER_EXTERNAL_SERVER_ID", "00000000-0000-0000-0000-000000000001"),
    ];
    let app = TestApp::start_with(&database, &settings).await;
    drop(local);
    let go_to = app.anonymous().post_form("/api/v1/login", &[]).await.expect_ok();
    assert_eq!(go_to, json!({"authorization_url": "https://login.example/start"}));
    app.anonymous().login(ADMIN, PASSWORD).await.expect(400, "Unsupported grant type: password.");

    let login = external_login(&app, "good").await.expect_ok();
    let eve = app.anonymous().with_token(login["access_token"].as_str().unwrap());
    let user = eve.get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["body"]["is_admin"]), (&json!("eve"), &json!(true)));
    assert_eq!(user["metadata"]["email"], "eve@example.com");
    assert_eq!(user["metadata"]["oidc_claims"], json!({"team": "vision"}));
    let again = external_login(&app, "good").await.expect_ok();
    let again = app.anonymous().with_token(again["access_token"].as_str().unwrap());
    assert_eq!(again.get(CURRENT_USER).await.expect_ok()["id"], user["id"]);

    // Users are kept there; here they choose their default project, and nothing else.
    let new = json!({"name": "ada", "is_admin": true, "password": PASSWORD});
    eve.post("/api/v1/users", new).await.expect(403, "sign-in service");
    eve.put(CURRENT_USER, json!({"name": "ada"})).await.expect(403, "sign-in service");
    let kept = eve.put("/api/v1/users/eve", json!({"name": "ada", "password": PASSWORD})).await.expect_ok();
    assert_eq!(kept["name"], "eve");

    // An account of that name is adopted, with the rights that the other service gives it.
    let adopted = external_login(&app, "default").await.expect_ok();
    let adopted = app.anonymous().with_token(adopted["access_token"].as_str().unwrap());
    assert_eq!(adopted.get(CURRENT_USER).await.expect_ok()["body"]["is_admin"], false);
    let robot = external_login(&app, "robot").await.expect_ok();
    let robot = app.anonymous().with_token(robot["access_token"].as_str().unwrap());
    assert_eq!(robot.get(CURRENT_USER).await.expect_ok()["body"]["is_service_account"], true);

    external_login(&app, "unknown").await.expect(401, "Not authorized to access this server.");
    external_login(&app, "broken").await.expect(401, "Unknown external authenticator error");
    external_login(&app, "failing").await.expect(401, "Error fetching user information");
    let basic = app.anonymous().with("authorization", "Basic eA==");
    basic.post_form("/api/v1/login", &[]).await.expect(401, "invalid authorization header");
}
