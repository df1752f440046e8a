//! The real nginx, with config/nginx-forward-auth.conf as it is shipped, guards another web service.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::any;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::support::{Caller, Database, TestApp, missing, wait_until};

const EXAMPLE: &str = include_str!("../../config/nginx-forward-auth.conf");
const HEADERS: [&str; 6] = [
    "remote-user",
    "x-auth-request-projects",
    "x-auth-request-scope",
    "x-auth-request-token-id",
    "x-auth-request-user",
    "x-auth-request-user-id",
];

on_each_store! {
    nobody_gets_there_without_a_good_token,
}

/// nginx in front of the service; killed with the test.
struct Guard {
    _nginx: Child,
    _folder: tempfile::TempDir,
    url: String,
}

impl Guard {
    /// None, said out loud, when nginx isn't installed.
    async fn start(zendo: &str, service: &str) -> Option<Self> {
        if std::process::Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            missing("nginx", "run tests/run, which installs it");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("guard.conf"), example(port, zendo, service)).unwrap();
        std::fs::write(folder.path().join("nginx.conf"), around(folder.path())).unwrap();
        let nginx = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut guard = Self { _nginx: nginx, _folder: folder, url: format!("http://127.0.0.1:{port}") };
        wait_until("nginx listens", Duration::from_secs(20), async || {
            assert!(guard._nginx.try_wait().unwrap().is_none(), "nginx has ended");
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        Some(guard)
    }
}

/// The example with this test's addresses, and without TLS.
fn example(port: u16, zendo: &str, service: &str) -> String {
    let mut text = EXAMPLE.to_owned();
    for (shipped, here) in [
        ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
        ("server 127.0.0.1:8080;", format!("server {zendo};")),
        ("server 127.0.0.1:3000;", format!("server {service};")),
        ("ssl_certificate /etc/ssl/service/fullchain.pem;", String::new()),
        ("ssl_certificate_key /etc/ssl/service/privkey.pem;", String::new()),
    ] {
        assert_eq!(text.matches(shipped).count(), 1, "{shipped}");
        text = text.replace(shipped, &here);
    }
    text
}

/// What a system's own nginx.conf is around it, with nothing outside of the folder.
fn around(folder: &Path) -> String {
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};"));
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr error; events {{}}\n\
         http {{ access_log off; {} include {folder}/guard.conf; }}",
        temporary.join(" ")
    )
}

/// A service that tells what headers it was asked with. Returns its address.
async fn service() -> String {
    let told = async |headers: HeaderMap| {
        let all = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
        axum::Json(Value::Object(all.collect()))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(told))).await });
    address
}

async fn nobody_gets_there_without_a_good_token(database: Database) {
    let app = TestApp::start(&database).await;
    let zendo = app.url().trim_start_matches("http://").to_owned();
    let Some(guard) = Guard::start(&zendo, &service().await).await else { return };
    let anonymous = || Caller::new(guard.url.clone());
    let forged =
        |caller: Caller| HEADERS.into_iter().fold(caller, |caller, name| caller.with(name, "default"));

    let answer = forged(anonymous()).get("/some/page").await;
    answer.expect(401, "");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    anonymous().with_token("a.b.c").get("/").await.expect(401, "");
    let preflight =
        anonymous().with("origin", "https://a.example").with("access-control-request-method", "GET");
    preflight.request(Method::OPTIONS, "/", "").await.expect(401, "");

    let ada = app.new_user("ada", false).await;
    let user = ada.get("/api/v1/current-user").await.expect_ok();
    let token = ada.api_token(600).await;
    let script = anonymous().with_token(&token);
    for (method, body) in [(Method::GET, ""), (Method::POST, "a=b"), (Method::PUT, "[]")] {
        let seen = forged(script.clone()).request(method, "/some/page?x=y", body).await.expect_ok();
        assert_eq!((&seen["x-auth-request-user"], &seen["remote-user"]), (&json!("ada"), &json!("ada")));
        assert_eq!(seen["x-auth-request-user-id"], user["id"]);
        assert_eq!(
            (&seen["x-auth-request-scope"], &seen["x-auth-request-projects"]),
            (&json!("*:write"), &json!("*"))
        );
        assert_ne!(seen["x-auth-request-token-id"], "default");
        assert_eq!(seen["authorization"], Value::Null, "the service doesn't see the token");
    }
    // An upload is for the service to take or refuse.
    let upload = script.clone().with("content-type", "multipart/form-data; boundary=x");
    upload.request(Method::POST, "/upload", "--x--").await.expect_ok();
    // The way to zendo is no way in.
    anonymous().get("/zendo-forward-auth").await.expect(404, "");

    // Without an id of its own, a key's header is empty, and the caller's is not passed on for it.
    let admin = app.signed_in().await;
    let account =
        admin.post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "key"})).await.expect_ok();
    let key = anonymous().with_token(key["body"]["key"].as_str().unwrap());
    let seen = forged(key).get("/").await.expect_ok();
    assert_eq!(seen["x-auth-request-user"], "service-account:ci");
    assert_eq!(seen["x-auth-request-token-id"], Value::Null);

    admin.post_form("/oauth/revoke", &[("token", &token)]).await.expect(200, "");
    script.get("/some/page").await.expect(401, "");
    // A zendo that is away lets nobody in.
    app.stop().await;
    let answer = script.get("/some/page").await;
    assert!(answer.status >= 500, "{answer:?}");
}
