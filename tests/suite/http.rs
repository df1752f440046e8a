//! What every answer has, and what becomes of requests that can't be answered.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Database, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const SECURE_HEADERS: [&str; 8] = [
    "cache-control",
    "content-security-policy",
    "strict-transport-security",
    "permissions-policy",
    "referrer-policy",
    "server",
    "x-content-type-options",
    "x-frame-options",
];

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let app = TestApp::start(&Database::sqlite()).await;
    let anonymous = app.anonymous();
    for path in ["/api/v1/info", CURRENT_USER, "/api/v1/nothing", "/api/v1/tags"] {
        let answer = anonymous.get(path).await;
        let id = answer.header("x-request-id").unwrap();
        assert!(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    let named = anonymous.clone().with("x-request-id", "my-request.7");
    assert_eq!(named.get(CURRENT_USER).await.header("x-request-id"), Some("my-request.7"));
    let too_long = "x".repeat(129);
    let named = anonymous.with("x-request-id", &too_long);
    assert_ne!(named.get(CURRENT_USER).await.header("x-request-id"), Some(too_long.as_str()));
}

#[tokio::test]
async fn every_answer_has_the_secure_headers_and_the_operator_can_change_them() {
    let database = Database::sqlite();
    let app = TestApp::start(&database).await;
    let server = app.anonymous().get("/api/v1/info").await.expect_ok()["id"].clone();
    for path in ["/api/v1/info", CURRENT_USER, "/api/v1/nothing"] {
        let answer = app.anonymous().get(path).await;
        for name in SECURE_HEADERS {
            assert!(answer.header(name).is_some(), "{name} is missing at {path}");
        }
        assert_eq!(answer.header("server"), server.as_str());
        assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"));
    }
    let health = app.anonymous().get("/health").await;
    assert!(SECURE_HEADERS.iter().all(|name| health.header(name).is_none()), "{:?}", health.headers);

    let changed = [
        ("ZENML_SERVER_SECURE_HEADERS_SERVER", "false"),
        ("ZENML_SERVER_SECURE_HEADERS_XFO", "DENY"),
        ("ZENML_SERVER_SECURE_HEADERS_HSTS", "yes"),
    ];
    let app = TestApp::start_with(&database, &changed).await;
    let answer = app.anonymous().get("/api/v1/version").await;
    assert_eq!(answer.header("server"), None);
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000; includeSubdomains"));
}

#[tokio::test]
async fn pages_of_origins_that_the_operator_lists_may_call() {
    let database = Database::sqlite();
    let listed = ("ZENML_SERVER_CORS_ALLOW_ORIGINS", "https://a.example, https://b.example");
    let app = TestApp::start_with(&database, &[listed]).await;
    let page = app.anonymous().with("origin", "https://a.example");
    let answer = page.get("/api/v1/version").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let preflight = page
        .with("access-control-request-method", "PUT")
        .with("access-control-request-headers", "x-csrf-token,authorization")
        .request(Method::OPTIONS, CURRENT_USER, "")
        .await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://a.example"));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("PUT"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-csrf-token,authorization"));
    assert_eq!(preflight.header("access-control-max-age"), Some("600"));
    for (origin, allowed) in [
        ("https://a.example", Some("https://a.example")),
        ("https://b.example", Some("https://b.example")),
        ("https://c.example", None),
    ] {
        let answer = app.anonymous().with("origin", origin).get("/api/v1/version").await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whole_or_in_chunks() {
    let limit = ("ZENML_SERVER_MAX_REQUEST_BODY_SIZE_IN_BYTES", "1000");
    let app = TestApp::start_with(&Database::sqlite(), &[limit]).await;
    let form = app.anonymous().with("content-type", "application/x-www-form-urlencoded");
    let login = |body: reqwest::Body| form.request(Method::POST, "/api/v1/login", body);
    assert_eq!(login("x".repeat(1001).into()).await.status, 413);
    assert_eq!(login("x".repeat(1000).into()).await.status, 400);
    let chunks = |count| {
        let chunks = (0..count).map(|_| Ok::<_, std::io::Error>("x".repeat(100)));
        reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
    };
    assert_eq!(login(chunks(11)).await.status, 413);
    assert_eq!(login(chunks(10)).await.status, 400);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_429() {
    let app = TestApp::start_with(&Database::sqlite(), &[("ZENML_SERVER_REQUEST_TIMEOUT", "1")]).await;
    let never = futures_util::stream::pending::<Result<String, std::io::Error>>();
    let form = app.anonymous().with("content-type", "application/x-www-form-urlencoded");
    let answer = form.request(Method::POST, "/api/v1/login", reqwest::Body::wrap_stream(never)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json(), json!({"error": "Server too busy. Please try again later."}));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn what_is_nowhere_is_404_for_a_get_and_405_for_the_rest() {
    let app = TestApp::start(&Database::sqlite()).await;
    let anonymous = app.anonymous();
    for path in ["/api/v1/nothing", "/api/v1/current-user/", "/api/v1/login", "/nothing"] {
        let answer = anonymous.get(path).await;
        assert_eq!((answer.status, answer.json()), (404, json!({"detail": "Not Found"})), "{path}");
    }
    for (method, path) in [
        (Method::POST, "/api/v1/nothing"),
        (Method::DELETE, "/api/v1/version"),
        (Method::PUT, "/api/v1/login"),
    ] {
        let answer = anonymous.request(method, path, "").await;
        assert_eq!((answer.status, answer.json()), (405, json!({"detail": "Method Not Allowed"})), "{path}");
        assert!(answer.header("allow").is_some(), "{path}");
    }
    for method in [Method::GET, Method::POST, Method::DELETE] {
        for path in ["/health", "/ready"] {
            let answer = anonymous.request(method.clone(), path, "").await;
            assert_eq!((answer.status, answer.text.as_str()), (200, "ok"));
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        }
    }
}

#[tokio::test]
async fn the_ways_to_sign_in_wrongly_are_told_apart() {
    let app = TestApp::start(&Database::sqlite()).await;
    let anonymous = app.anonymous();
    let wrong = anonymous.login("default", "wrong").await;
    let unknown = anonymous.login("nobody", "wrong").await;
    let message = "Authentication error: invalid username or password";
    assert_eq!((wrong.status, wrong.json()), (401, json!({"detail": ["CredentialsNotValid", message]})));
    assert_eq!((unknown.status, unknown.json()), (wrong.status, wrong.json()));
    let no_name = json!({"detail": "Invalid request: username is required."});
    let answer = anonymous.post_form("/api/v1/login", &[("grant_type", "password")]).await;
    assert_eq!((answer.status, answer.json()), (400, no_name.clone()));
    let as_json = anonymous.clone().with("content-type", "application/json");
    let answer = as_json.request(Method::POST, "/api/v1/login", r#"{"username":"default"}"#).await;
    assert_eq!((answer.status, answer.json()), (400, no_name));
    let answer = anonymous.post_form("/api/v1/login", &[("grant_type", "foo"), ("username", "x")]).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"detail": "Unsupported grant type: foo"})));
    let upload = anonymous.with("content-type", "multipart/form-data; boundary=x");
    let answer = upload.request(Method::POST, "/api/v1/login", "--x--").await;
    let no_uploads = json!({"detail": "File uploads are not allowed on this endpoint."});
    assert_eq!((answer.status, answer.json()), (403, no_uploads));
}

#[tokio::test]
async fn a_user_signs_in_by_id_too() {
    let app = TestApp::start(&Database::sqlite()).await;
    let user = app.signed_in().await.get(CURRENT_USER).await.expect_ok();
    let id = user["id"].as_str().unwrap();
    let login = app.anonymous().login(id, crate::support::PASSWORD).await.expect_ok();
    assert_eq!(login["token_type"], "bearer");
    assert_eq!(login["expires_in"], Value::Null);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_with_what_is_wrong() {
    let app = TestApp::start(&Database::sqlite()).await;
    let put = async |content_type: &str, body: &[u8]| {
        let caller = app.anonymous().with("content-type", content_type);
        caller.request(Method::PUT, "/api/v1/activate", body.to_vec()).await
    };
    put("application/json", b"").await.expect(422, "'missing'");
    put("application/json", b"\"text\"").await.expect(422, "('body',)");
    put("application/json", b"7").await.expect(422, "('body',)");
    put("application/json", b"{\"admin_username\": 7}").await.expect(422, "('body', 'admin_username')");
    put("application/json", b"{").await.expect(422, "json_invalid");
    put("application/x-www-form-urlencoded", b"{}").await.expect(422, "'missing'");
    put("application/json", b"{\"a\": \"\xff\"}").await.expect(400, "There was an error parsing the body");
    put("application/vnd.zen+json; charset=utf-8", b"\xef\xbb\xbf{}").await.expect(403, "already active");
    let answer = app.anonymous().request(Method::PUT, "/api/v1/activate", "{}").await;
    answer.expect(422, "'missing'");
}

async fn ready_tells_when_the_store_can_not_be_used(database: Database) {
    let app = TestApp::start(&database).await;
    assert_eq!(app.anonymous().get("/ready").await.status, 200);
    database.execute("DROP TABLE alembic_version").await;
    assert_eq!(app.anonymous().get("/ready").await.status, 503);
    assert_eq!(app.anonymous().get("/health").await.status, 200);
}

async fn the_last_activity_is_told_and_outlives_a_restart(database: Database) {
    let app = TestApp::start(&database).await;
    let script = app.script(86_400).await;
    let last = async |app: &TestApp| {
        let info = app.anonymous().get("/api/v1/info").await.expect_ok();
        info["last_user_activity"].as_str().unwrap().to_owned()
    };
    let before = last(&app).await;
    app.clock.advance(3600);
    assert_eq!(last(&app).await, before, "asking for /info is no activity");
    script.get(CURRENT_USER).await.expect_ok();
    let after = last(&app).await;
    assert!(after > before, "{after}");
    app.stop().await;
    let app = TestApp::start(&database).await;
    assert_eq!(last(&app).await[..19], after[..19]);
}

on_each_store! { the_last_activity_is_told_and_outlives_a_restart, ready_tells_when_the_store_can_not_be_used }
