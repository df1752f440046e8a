//! Pages of other origins neither read with what a browser keeps for this server, nor act with it, nor sign it out.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Caller, Database, PASSWORD, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const LISTED: &str = "https://a.example";
const ORIGINS: &str = "ZENML_SERVER_CORS_ALLOW_ORIGINS";

/// What a browser says of pages that are not this server's, in as many ways as there are.
const FOREIGN: [&[(&str, &str)]; 13] = [
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "")],
    &[("origin", "zendo")],
    &[("origin", "http://127.0.0.1.evil.example")],
    &[("origin", "http://127.0.0.1:1@evil.example")],
    &[("origin", "file://")],
    &[("referer", "https://evil.example/127.0.0.1")],
    &[("referer", "about:blank")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site"), ("origin", "null")],
    &[("sec-fetch-site", "none"), ("origin", "https://evil.example")],
];

fn saying(caller: &Caller, headers: &[(&'static str, &str)]) -> Caller {
    headers.iter().fold(caller.clone(), |caller, (name, value)| caller.with(name, value))
}

fn cookie_of(login: &Answer) -> String {
    login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// A browser with ZenML's session, which needs no CSRF token.
async fn browser(app: &TestApp) -> Caller {
    let login = app.anonymous().login(ADMIN, PASSWORD).await;
    assert_eq!(login.expect_ok()["csrf_token"], Value::Null);
    app.anonymous().with("cookie", &cookie_of(&login))
}

#[tokio::test]
async fn only_the_own_origin_and_those_that_are_listed_read_with_credentials() {
    for (setting, origin, allowed, credentials) in [
        ("", "own", Some("own"), true),
        ("", LISTED, None, false),
        ("", "null", None, false),
        (LISTED, LISTED, Some(LISTED), true),
        (LISTED, "own", Some("own"), true),
        (LISTED, "https://a.example.evil.example", None, false),
        (LISTED, "https://A.example", None, false),
        (LISTED, "http://a.example", None, false),
        (LISTED, "https://a.example:444", None, false),
        ("*", "https://evil.example", Some("*"), false),
        ("*", "null", Some("*"), false),
        ("*, https://a.example", LISTED, Some(LISTED), true),
        ("*, https://a.example", "https://evil.example", Some("https://evil.example"), false),
    ] {
        let app = TestApp::start_with(&Database::sqlite(), &[(ORIGINS, setting)]).await;
        let own = app.url();
        let meant = |origin: &str| if origin == "own" { own.clone() } else { origin.to_owned() };
        let page = app.anonymous().with("origin", &meant(origin));
        let preflight = page.clone().with("access-control-request-method", "PUT");
        for answer in [
            page.get("/api/v1/info").await,
            page.get(CURRENT_USER).await,
            page.get("/api/v1/nothing").await,
            page.get("/openapi.json").await,
            preflight.request(Method::OPTIONS, CURRENT_USER, "").await,
        ] {
            let place = format!("{setting}: {origin}: {} {:?}", answer.status, answer.headers);
            let expected = allowed.map(meant);
            assert_eq!(answer.header("access-control-allow-origin"), expected.as_deref(), "{place}");
            let expected = credentials.then_some("true");
            assert_eq!(answer.header("access-control-allow-credentials"), expected, "{place}");
            if expected.is_some() || setting != "*" {
                let varies = answer.headers.get_all("vary").iter();
                assert!(
                    varies.into_iter().any(|varies| varies.to_str().unwrap().contains("origin")),
                    "{place}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_dashboard_that_the_operator_has_named_is_listed() {
    let named = [("ZENML_SERVER_DASHBOARD_URL", "https://dashboard.example/app")];
    let app = TestApp::start_with(&Database::sqlite(), &named).await;
    let answer = app.anonymous().with("origin", "https://dashboard.example").get("/api/v1/info").await;
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
}

#[tokio::test]
async fn a_sign_in_from_elsewhere_has_no_session_without_a_csrf_token() {
    let app = TestApp::start(&Database::sqlite()).await;
    for page in FOREIGN {
        let login = saying(&app.anonymous(), page).login(ADMIN, PASSWORD).await;
        // Where the browser itself tells that it is another site's page, there is no session at all.
        if page.iter().any(|(name, _)| *name == "sec-fetch-site") {
            login.expect(403, "another origin");
            assert_eq!(login.header("set-cookie"), None, "{page:?}");
            continue;
        }
        let body = login.expect_ok();
        assert!(body["csrf_token"].is_string(), "{page:?}: {body}");
        let session = app.anonymous().with("cookie", &cookie_of(&login));
        session.get(CURRENT_USER).await.expect(401, "CSRF");
        let bearer = app.anonymous().with_token(body["access_token"].as_str().unwrap());
        bearer.get(CURRENT_USER).await.expect(401, "CSRF");
        let csrf_token = body["csrf_token"].as_str().unwrap();
        session.with("x-csrf-token", csrf_token).get(CURRENT_USER).await.expect_ok();
        // A form of that page's leaves no session in place of one that is there.
        let form = saying(&app.anonymous(), page).with("accept", "text/html,*/*");
        let login = form.login(ADMIN, PASSWORD).await;
        login.expect(403, "another origin");
        assert_eq!(login.header("set-cookie"), None, "{page:?}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_does_nothing_with_a_browsers_session() {
    let app = TestApp::start(&Database::sqlite()).await;
    let browser = browser(&app).await;
    let token = browser.api_token(600).await;
    let own = app.url();
    for page in FOREIGN {
        let page = saying(&browser, page);
        page.get(CURRENT_USER).await.expect(403, "another origin");
        page.get("/api/v1/api_token").await.expect(403, "another origin");
        page.request(Method::HEAD, "/api/v1/users", "").await.expect(403, "");
        page.put("/api/v1/settings", json!({"server_name": "taken"})).await.expect(403, "another origin");
        page.delete("/api/v1/users/default").await.expect(403, "another origin");
        page.post("/oauth/introspect", json!({})).await.expect(403, "another origin");
        // On an open route too; and what a form can send is no JSON.
        page.post("/api/v1/api_tokens/revoke", json!({"all": true})).await.expect(403, "another origin");
        let simple = page.clone().with("content-type", "text/plain");
        let all = r#"{"all": true}"#;
        simple.request(Method::POST, "/api/v1/api_tokens/revoke", all).await.expect(422, "");
        for (name, value) in [("x-http-method-override", "DELETE"), ("x-method-override", "PUT")] {
            let overridden = simple.clone().with(name, value);
            assert!(
                overridden.request(Method::POST, "/api/v1/users/default?_method=DELETE", "").await.status
                    >= 400
            );
        }
    }
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
    // The own page, and a program that sends its cookie.
    for page in [
        &[][..],
        &[("origin", own.as_str())],
        &[("referer", &format!("{own}/settings"))],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("sec-fetch-site", "none")],
    ] {
        let page = saying(&browser, page);
        page.get(CURRENT_USER).await.expect_ok();
        page.put("/api/v1/settings", json!({"server_name": "mine"})).await.expect_ok();
        // What is no JSON by its type is none.
        let simple = page.with("content-type", "text/plain");
        simple.request(Method::PUT, "/api/v1/settings", r#"{"server_name": "x"}"#).await.expect(422, "");
    }
    // Whoever knows a token sends it from where they like.
    for page in FOREIGN {
        saying(&app.anonymous().with_token(&token), page).get(CURRENT_USER).await.expect_ok();
    }
}

#[tokio::test]
async fn a_listed_page_acts_with_its_session_and_csrf_token() {
    let app = TestApp::start_with(&Database::sqlite(), &[(ORIGINS, LISTED)]).await;
    for more in [&[][..], &[("sec-fetch-site", "cross-site")]] {
        let page = saying(&app.anonymous().with("origin", LISTED), more);
        let login = page.login(ADMIN, PASSWORD).await;
        let csrf_token = login.expect_ok()["csrf_token"].as_str().unwrap().to_owned();
        let page = page.with("cookie", &cookie_of(&login));
        page.put("/api/v1/settings", json!({"server_name": "x"})).await.expect(401, "CSRF");
        let page = page.with("x-csrf-token", &csrf_token);
        page.put("/api/v1/settings", json!({"server_name": "x"})).await.expect_ok();
        page.get("/api/v1/logout").await.expect_ok();
        page.get(CURRENT_USER).await.expect(401, "revoked");
    }
}

#[tokio::test]
async fn nobody_is_signed_out_by_a_link_a_picture_or_a_form() {
    let app = TestApp::start(&Database::sqlite()).await;
    let browser = browser(&app).await;
    let link = &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")][..];
    for page in FOREIGN.into_iter().chain([link]) {
        for method in [Method::GET, Method::HEAD] {
            // Also where the browser has left the cookie out: the answer would take it away.
            for caller in [&browser, &app.anonymous()] {
                let answer = saying(caller, page).request(method.clone(), "/api/v1/logout", "").await;
                assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{page:?}");
            }
        }
        assert_eq!(saying(&browser, page).request(Method::POST, "/api/v1/logout", "").await.status, 405);
        browser.get(CURRENT_USER).await.expect_ok();
    }
    let own = app.url();
    let out = browser.with("sec-fetch-site", "same-origin").with("accept", "text/html");
    out.with("referer", &format!("{own}/")).get("/api/v1/logout").await.expect_ok();
    // A program signs out with its token, and a session of another site's page with its CSRF token.
    let elsewhere = app.anonymous().with("origin", "https://dashboard.example");
    let login = elsewhere.login(ADMIN, PASSWORD).await;
    let session = elsewhere.with("cookie", &cookie_of(&login));
    session.get("/api/v1/logout").await.expect(403, "another origin");
    let csrf_token = login.expect_ok()["csrf_token"].as_str().unwrap().to_owned();
    session.with("x-csrf-token", &csrf_token).get("/api/v1/logout").await.expect_ok();
    let program = app.signed_in().await;
    program.with("origin", "https://evil.example").get("/api/v1/logout").await.expect_ok();
}

#[tokio::test]
async fn what_a_browser_adds_by_itself_counts_as_little_in_other_schemes() {
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{ADMIN}:{PASSWORD}"));
    let app = TestApp::start_with(&Database::sqlite(), &[("ZENML_SERVER_AUTH_SCHEME", "HTTP_BASIC")]).await;
    let remembered = app.anonymous().with("authorization", &format!("Basic {basic}"));
    remembered.get(CURRENT_USER).await.expect_ok();
    for page in FOREIGN {
        saying(&remembered, page).delete("/api/v1/users/default").await.expect(403, "another origin");
    }
    let open = ("ZENML_SERVER_AUTH_SCHEME", "NO_AUTH");
    let app = TestApp::start_with(&Database::sqlite(), &[open]).await;
    app.anonymous().get(CURRENT_USER).await.expect_ok();
    for page in FOREIGN {
        saying(&app.anonymous(), page).delete("/api/v1/users/default").await.expect(403, "another origin");
    }
    let app = TestApp::start_with(&Database::sqlite(), &[open, (ORIGINS, "*")]).await;
    app.anonymous().with("origin", "https://evil.example").get(CURRENT_USER).await.expect_ok();
}
