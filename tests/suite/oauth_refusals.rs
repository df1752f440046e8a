//! What the endpoints for programs refuse, they refuse in OAuth's form (RFC 6749, section 5.2; RFC 6750, section 3.1),
//! whoever refuses it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;

use crate::support::{ADMIN, Answer, Caller, Database, PASSWORD, TestApp};

const ENDPOINTS: [&str; 2] = ["/oauth/introspect", "/oauth/revoke"];
const FORM: &str = "application/x-www-form-urlencoded";

on_each_store! {
    whoever_has_no_good_credential_is_asked_in_the_way_that_it_tried,
    whoever_lacks_the_right_is_told_so,
    what_is_no_form_with_one_token_is_an_invalid_request,
    other_methods_and_paths_are_refused_in_the_same_form,
    a_store_that_is_away_is_told_in_the_same_form,
    guesses_are_slowed_down_in_the_same_form,
}

#[track_caller]
fn expect_refusal(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["error"], error, "{answer:?}");
    let fields = body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields, ["error", "error_description"], "{answer:?}");
    let described = body["error_description"].as_str().unwrap();
    assert!(!described.is_empty() && !described.contains(['"', '\\']), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("cache-control").unwrap().contains("no-store"));
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.get_all("www-authenticate").iter();
    all.map(|challenge| challenge.to_str().unwrap()).collect()
}

fn basic(app: &TestApp, credential: &str) -> Caller {
    app.anonymous().with("authorization", &format!("Basic {}", STANDARD.encode(credential)))
}

async fn api_key(admin: &Caller, name: &str) -> String {
    let account = json!({"name": name, "active": true});
    let id = admin.post("/api/v1/service_accounts", account).await.expect_ok()["id"].clone();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", id.as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "key"})).await.expect_ok();
    key["body"]["key"].as_str().unwrap().to_owned()
}

async fn whoever_has_no_good_credential_is_asked_in_the_way_that_it_tried(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let key = api_key(&admin, "gateway").await;
    let (token, revoked) = (admin.api_token(600).await, admin.api_token(600).await);
    admin.post_form("/oauth/revoke", &[("token", &revoked)]).await.expect_ok();
    let wrong_key = format!("gateway:{}", key.replace("ZENKEY_", "ZENKEY_e"));
    let with = |credential: &str| app.anonymous().with("authorization", credential);
    let asked_for_basic = vec!["Basic realm=\"zendo\""];
    let asked_for_bearer = vec!["Bearer error=\"invalid_token\""];
    let asked_for_either = vec!["Basic realm=\"zendo\"", "Bearer"];
    for (caller, error, expected) in [
        (basic(&app, "gateway:wrong"), "invalid_client", &asked_for_basic),
        (basic(&app, &format!("{ADMIN}:{PASSWORD}")), "invalid_client", &asked_for_basic),
        (basic(&app, &wrong_key), "invalid_client", &asked_for_basic),
        (basic(&app, "gateway"), "invalid_client", &asked_for_basic),
        (with("basic !"), "invalid_client", &asked_for_basic),
        (with("Basic"), "invalid_client", &asked_for_basic),
        (with("Bearer a.b.c"), "invalid_token", &asked_for_bearer),
        (with("bearer"), "invalid_token", &asked_for_bearer),
        (with(&format!("Bearer {revoked}")), "invalid_token", &asked_for_bearer),
        (app.anonymous(), "invalid_client", &asked_for_either),
        (with("Digest username=\"gateway\""), "invalid_client", &asked_for_either),
        (
            app.anonymous().with("cookie", &format!("{}=a.b.c", app.state.server.cookie_name)),
            "invalid_client",
            &asked_for_either,
        ),
    ] {
        for path in ENDPOINTS {
            // Whatever else is wrong.
            for form in [&[("token", token.as_str())][..], &[]] {
                let answer = caller.post_form(path, form).await;
                expect_refusal(&answer, 401, error);
                assert_eq!(&challenges(&answer), expected, "{answer:?}");
            }
        }
    }
    app.anonymous().with_token(&token).get("/api/v1/current-user").await.expect_ok();
    basic(&app, &format!("gateway:{key}")).post_form("/oauth/introspect", &[]).await.expect(403, "scope");
}

async fn whoever_lacks_the_right_is_told_so(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let key = api_key(&admin, "other").await;
    let narrow = admin.get("/api/v1/api_token?scope=runs:write").await.expect_ok();
    let of_project = admin.get("/api/v1/api_token?scope=oauth:write&project=default").await.expect_ok();
    for caller in [
        app.new_user("eve", false).await,
        app.anonymous().with_token(&key),
        basic(&app, &format!("other:{key}")),
        app.anonymous().with_token(narrow.as_str().unwrap()),
        app.anonymous().with_token(of_project.as_str().unwrap()),
    ] {
        for path in ENDPOINTS {
            let answer = caller.post_form(path, &[("token", "a")]).await;
            expect_refusal(&answer, 403, "insufficient_scope");
            assert!(challenges(&answer)[0].contains("insufficient_scope"), "{answer:?}");
        }
    }
    // A page of another site may make a browser ask, and learns nothing.
    let session = app.anonymous().login(ADMIN, PASSWORD).await;
    let cookie = session.header("set-cookie").unwrap().split(';').next().unwrap();
    let page = app.anonymous().with("cookie", cookie).with("origin", "https://elsewhere.example");
    let page = page.with("sec-fetch-site", "cross-site");
    for path in ENDPOINTS {
        expect_refusal(&page.post_form(path, &[("token", "a")]).await, 403, "access_denied");
    }
}

async fn what_is_no_form_with_one_token_is_an_invalid_request(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let large = format!("token={}", "a".repeat(70_000));
    for path in ENDPOINTS {
        for (content_type, body, status) in [
            ("application/json", r#"{"token": "a"}"#, 400),
            ("text/plain", "token=a", 400),
            ("multipart/form-data; boundary=x", "--x--", 400),
            ("", "token=a", 400),
            (FORM, "", 400),
            (FORM, "token=", 400),
            (FORM, "token_type_hint=access_token", 400),
            (FORM, "token=a&token=a", 400),
            (FORM, "token=a&token=b", 400),
            (FORM, "token=a&token_type_hint=b&token_type_hint=b", 400),
            (FORM, "\u{0}\u{ff}%ff", 400),
            (FORM, &large, 413),
        ] {
            let caller = admin.clone().with("content-type", content_type);
            let answer = caller.request(Method::POST, path, body.to_owned()).await;
            expect_refusal(&answer, status, "invalid_request");
        }
        // One whose length nobody has said.
        let pieces = (0..70).map(|_| Ok::<_, std::io::Error>("a".repeat(1000)));
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let caller = admin.clone().with("content-type", FORM);
        expect_refusal(&caller.request(Method::POST, path, body).await, 413, "invalid_request");
        // What isn't known is passed over.
        let form = [("token", "a"), ("token_type_hint", "b"), ("resource", "c")];
        admin.post_form(path, &form).await.expect_ok();
    }
    let key = api_key(&admin, "ci").await;
    let answer = admin.post_form("/oauth/revoke", &[("token", &key)]).await;
    expect_refusal(&answer, 400, "unsupported_token_type");
}

async fn other_methods_and_paths_are_refused_in_the_same_form(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for caller in [&admin, &app.anonymous()] {
        for path in ENDPOINTS {
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                let answer = caller.request(method, path, "").await;
                expect_refusal(&answer, 405, "invalid_request");
                assert_eq!(answer.header("allow"), Some("POST"));
            }
        }
        for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                let answer = caller.request(method, path, "").await;
                expect_refusal(&answer, 405, "invalid_request");
                assert_eq!(answer.header("allow"), Some("GET,HEAD"));
            }
        }
        for path in ["/oauth", "/oauth/", "/oauth/authorize", "/oauth/introspect/", "/oauth/introspect/a/b"] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                expect_refusal(&caller.request(method, path, "").await, 404, "invalid_request");
            }
        }
    }
    app.stop().await;
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_ROOT_URL_PATH", "/zen")]).await;
    expect_refusal(&app.anonymous().get("/oauth/introspect").await, 405, "invalid_request");
    expect_refusal(&app.anonymous().get("/oauth/authorize").await, 404, "invalid_request");
    let host = Caller::new(app.url().trim_end_matches("/zen").to_owned());
    let answer = host.post("/.well-known/oauth-authorization-server", json!({})).await;
    expect_refusal(&answer, 405, "invalid_request");
}

async fn a_store_that_is_away_is_told_in_the_same_form(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let strangers = uuid::Uuid::new_v4().to_string();
    let other = admin.api_token(600).await;
    app.state.store.close().await;
    app.clock.advance(5);
    let key = format!("ZENKEY_{}", STANDARD.encode(json!({"id": strangers, "key": "a"}).to_string()));
    let answer = basic(&app, &format!("gateway:{key}")).post_form("/oauth/introspect", &[]).await;
    expect_refusal(&answer, 503, "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some());
    let answer = admin.post_form("/oauth/revoke", &[("token", &other)]).await;
    expect_refusal(&answer, 503, "temporarily_unavailable");
}

async fn guesses_are_slowed_down_in_the_same_form(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTH_SCHEME", "HTTP_BASIC")]).await;
    app.clock.hold();
    let guesser = basic(&app, &format!("{ADMIN}:wrong"));
    let first = guesser.post_form("/oauth/introspect", &[("token", "a")]).await;
    expect_refusal(&first, 401, "invalid_client");
    assert_eq!(challenges(&first), ["Basic realm=\"zendo\""]);
    let mut answer = first;
    for _ in 0..20 {
        answer = guesser.post_form("/oauth/introspect", &[("token", "a")]).await;
        if answer.status == 429 {
            break;
        }
    }
    expect_refusal(&answer, 429, "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some());
}
