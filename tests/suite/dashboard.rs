//! A dashboard's files in front of the API, and ZenML's own dashboard, unmodified, in Chromium.

use std::path::Path;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Database, Program, TestApp, browser, keeps_its_promises, official_dashboard};

on_each_store! {
    the_official_dashboard_works,
    its_wizard_registers_service_connectors,
}

const SETTING: &str = "ZENML_SERVER_DASHBOARD_FILES_PATH";
const INDEX: &str = "<!doctype html><title>A dashboard</title>";
const SCRIPT: &str = "console.log('a dashboard')";
const ASSET: &str = "/assets/index-Clsm4Nar.js";
const OUTSIDE: &str = "of no business to anybody";

/// A dashboard, in a folder with something beside it.
fn dashboard() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("dashboard");
    std::fs::create_dir_all(files.join("assets")).unwrap();
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    write(&files.join("index.html"), INDEX);
    write(&files.join("favicon.svg"), "<svg/>");
    write(&files.join(&ASSET[1..]), SCRIPT);
    write(&folder.path().join("outside"), OUTSIDE);
    (folder, files.display().to_string())
}

#[track_caller]
fn expect_kind(answer: &Answer, kind: &str) {
    let found = answer.header("content-type").unwrap_or_default();
    assert!(found.starts_with(kind), "{found} is not {kind}: {answer:?}");
}

#[tokio::test]
async fn a_dashboard_is_served_in_front_of_the_api() {
    let (_folder, files) = dashboard();
    let app = TestApp::start_with(&Database::sqlite(), &[(SETTING, &files)]).await;
    let anonymous = app.anonymous();
    // Pages are the dashboard's own; the browser asks for its index each time, so that it is never an old one.
    for page in
        ["/", "/index.html", "/login", "/devices/verify?user_code=1", "/assets", "/apis", "/no/such/page"]
    {
        let answer = anonymous.get(page).await;
        answer.expect(200, INDEX);
        expect_kind(&answer, "text/html; charset=utf-8");
        assert!(answer.header("cache-control").unwrap().contains("no-store"), "{answer:?}");
        assert!(answer.header("content-security-policy").is_some(), "{answer:?}");
        assert_eq!(anonymous.request(Method::HEAD, page, "").await.status, 200, "{page}");
        anonymous.request(Method::POST, page, "").await.expect(405, "Method Not Allowed");
    }
    let icon = anonymous.get("/favicon.svg").await;
    icon.expect(200, "<svg/>");
    expect_kind(&icon, "image/svg+xml");
    // The name of an asset changes with what is in it, so a browser may keep it; one that is gone is no page.
    let asset = anonymous.get(ASSET).await;
    asset.expect(200, SCRIPT);
    expect_kind(&asset, "text/javascript; charset=utf-8");
    assert!(asset.header("cache-control").unwrap().contains("immutable"), "{asset:?}");
    for gone in ["/assets/index-Older123.js", "/assets/"] {
        let answer = anonymous.get(gone).await;
        answer.expect(404, "Not Found");
        assert!(answer.header("cache-control").unwrap().contains("no-store"), "{answer:?}");
    }
    // The server's own places stay.
    for path in ["/api/v1/nothing", "/api/"] {
        let answer = anonymous.get(path).await;
        answer.expect(404, "Not Found");
        expect_kind(&answer, "application/json");
    }
    anonymous.get("/health").await.expect(200, "ok");
    anonymous.get("/docs/").await.expect(200, "swagger");
    anonymous.get("/console/").await.expect(200, "Sign in");
    app.signed_in().await.get("/api/v1/current-user").await.expect_ok();
}

#[tokio::test]
async fn no_path_leads_out_of_the_dashboards_folder() {
    let (_folder, files) = dashboard();
    let app = TestApp::start_with(&Database::sqlite(), &[(SETTING, &files)]).await;
    let ways_out = [
        "/../outside",
        "/..%2foutside",
        "/%2e%2e/outside",
        "/assets/../../outside",
        "/assets/..%2f..%2foutside",
        "/assets/%2e%2e/%2e%2e/outside",
        "//outside",
        "/..%5coutside",
    ];
    for path in ways_out {
        // As it stands, which no client would send.
        let mut stream = TcpStream::connect(app.url().trim_start_matches("http://")).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains(OUTSIDE), "{path}: {answer}");
    }
}

#[tokio::test]
async fn there_is_no_dashboard_unless_the_operator_names_one() {
    let app = TestApp::start(&Database::sqlite()).await;
    app.anonymous().get("/login").await.expect(404, "Not Found");
    app.anonymous().get("/").await.expect(200, "/console/");
    let (_folder, files) = dashboard();
    let below = [(SETTING, files.as_str()), ("ZENML_SERVER_ROOT_URL_PATH", "/zenml")];
    let app = TestApp::start_with(&Database::sqlite(), &below).await;
    for path in ["", "/", "/login"] {
        app.anonymous().get(path).await.expect(200, INDEX);
    }
    app.anonymous().get(ASSET).await.expect(200, SCRIPT);
    // A proxy may have taken the root path away.
    let address = app.url().trim_end_matches("/zenml").to_owned();
    assert_eq!(reqwest::get(format!("{address}/login")).await.unwrap().text().await.unwrap(), INDEX);
}

#[tokio::test]
async fn a_folder_without_a_dashboard_ends_the_start() {
    let empty = tempfile::tempdir().unwrap();
    for folder in [empty.path().join("nowhere"), empty.path().to_owned()] {
        let folder = folder.display().to_string();
        let finished = Program::server().on(&Database::sqlite()).with(SETTING, &folder).run().await;
        finished.expect(1, &[SETTING, &folder, "index.html"]);
        assert_eq!(finished.stderr.trim().lines().count(), 1, "{finished:?}");
    }
}

async fn the_official_dashboard_works(database: Database) {
    let Some(files) = official_dashboard() else { return };
    let app = TestApp::start_with(&database, &[(SETTING, &files.display().to_string())]).await;
    let run = "a_run_of_two_steps_completes_and_its_values_load";
    keeps_its_promises("runs", &[run], &app.url()).await;
    browser("dashboard.mjs", &app, &[]).await;
}

async fn its_wizard_registers_service_connectors(database: Database) {
    let Some(files) = official_dashboard() else { return };
    let app = TestApp::start_with(&database, &[(SETTING, &files.display().to_string())]).await;
    browser("dashboard_connectors.mjs", &app, &[]).await;
}
