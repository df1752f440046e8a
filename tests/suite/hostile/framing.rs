//! No page of zendo's own is shown inside of another site's, and nothing large is made anew for each caller.

use std::time::Instant;

use reqwest::Method;

use crate::support::{Caller, Database, TestApp};

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

/// Pages that zendo makes itself, each of its kinds, there or not.
const PAGES: [&str; 14] = [
    "/",
    "/console",
    "/console/",
    "/console/sign-in",
    "/console/join",
    "/console/nothing",
    "/console/settings/members",
    "/devices/verify?device_id=x",
    "/docs",
    "/docs/",
    "/docs/index.html",
    "/docs/swagger-ui-bundle.js",
    "/docs/nothing",
    "/openapi.json",
];

#[tokio::test]
async fn no_page_can_be_framed_whatever_the_operators_headers_are() {
    let off = [("ZENML_SERVER_SECURE_HEADERS_CSP", "no"), ("ZENML_SERVER_SECURE_HEADERS_XFO", "no")];
    for (root, settings) in
        [("", &[][..]), ("", &off), ("/team/zen", &[("ZENML_SERVER_ROOT_URL_PATH", "/team/zen")])]
    {
        let app = TestApp::start_with(&Database::sqlite(), settings).await;
        let not_followed = Caller::without_redirects(app.url());
        for method in [Method::GET, Method::HEAD] {
            for path in PAGES {
                let page = not_followed.request(method.clone(), path, "").await;
                assert_eq!(page.header("x-frame-options"), Some("DENY"), "{root}{path}");
                let policy = page.header("content-security-policy").unwrap_or_default();
                assert!(
                    policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"),
                    "{root}{path}: {policy}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_page_has_the_secure_headers_and_a_request_id() {
    let app = TestApp::start(&Database::sqlite()).await;
    let server = app.anonymous().get("/api/v1/info").await.expect_ok()["id"].clone();
    let not_followed = Caller::without_redirects(app.url());
    for path in PAGES {
        let page = not_followed.get(path).await;
        for name in SECURE_HEADERS {
            assert!(page.header(name).is_some(), "{name} is missing at {path}");
        }
        assert_eq!(page.header("server"), server.as_str(), "{path}");
        assert!(page.header("x-request-id").is_some(), "{path}");
    }
    for page in ["/docs/", "/console/sign-in"] {
        let kind = app.anonymous().get(page).await.header("content-type").unwrap().to_owned();
        assert_eq!(kind, "text/html; charset=utf-8", "{page}");
    }
    assert!(app.anonymous().get("/openapi.json").await.header("vary").unwrap().contains("accept-encoding"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_made_once_and_known_again_by_its_tag() {
    let app = TestApp::start(&Database::sqlite()).await;
    let start = Instant::now();
    let first = app.anonymous().get("/openapi.json").await;
    let made = start.elapsed();
    first.expect_ok();
    let tag = first.header("etag").unwrap().to_owned();
    let start = Instant::now();
    for _ in 0..20 {
        let answer = app.anonymous().get("/openapi.json").await;
        assert_eq!((answer.header("etag"), &answer.text), (Some(tag.as_str()), &first.text));
    }
    let twenty = start.elapsed();
    println!("made in {made:?}, then twenty in {twenty:?}");
    assert!(twenty < made * 10, "made in {made:?}, then twenty in {twenty:?}");
    for known in [tag.clone(), format!("\"other\", {tag}"), tag.trim_start_matches("W/").to_owned()] {
        let again = app.anonymous().with("if-none-match", &known).get("/openapi.json").await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), Some(tag.as_str()));
    }
    app.anonymous().with("if-none-match", "W/\"other\"").get("/openapi.json").await.expect_ok();
    let packed = app.anonymous().with("accept-encoding", "gzip").get("/openapi.json").await;
    assert_eq!(
        (packed.header("content-encoding"), packed.header("etag")),
        (Some("gzip"), Some(tag.as_str()))
    );
}
