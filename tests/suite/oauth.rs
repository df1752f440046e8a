//! Other programs go by zendo's tokens in the standard ways: introspection, revocation, metadata, forward-auth.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Caller, Database, PASSWORD, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const FORWARD_AUTH: &str = "/oauth/forward-auth";
const INACTIVE: &str = r#"{"active":false}"#;

on_each_store! {
    a_good_token_is_told_in_full,
    any_other_token_is_inactive_and_no_more,
    only_who_has_the_right_may_ask,
    a_revoked_token_is_refused_everywhere,
    forward_auth_tells_who_it_is,
    forward_auth_looks_at_every_request,
    names_can_not_be_mistaken_for_each_other,
    a_proxy_may_ask_for_a_scope,
}

async fn introspect(caller: &Caller, token: &str) -> Answer {
    caller.post_form("/oauth/introspect", &[("token", token), ("token_type_hint", "access_token")]).await
}

async fn revoke(caller: &Caller, token: &str) -> Answer {
    caller.post_form("/oauth/revoke", &[("token", token)]).await
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A service account's id and API key.
async fn service_account(admin: &Caller, name: &str) -> (String, Value) {
    let account = json!({"name": name, "active": true});
    let account = admin.post("/api/v1/service_accounts", account).await.expect_ok();
    let id = account["id"].as_str().unwrap().to_owned();
    let key = admin.post(&format!("/api/v1/service_accounts/{id}/api_keys"), json!({"name": "key"})).await;
    (id, key.expect_ok())
}

fn text_of(key: &Value) -> &str {
    key["body"]["key"].as_str().unwrap()
}

async fn a_good_token_is_told_in_full(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let ada = app.new_user("ada", false).await;
    let token = ada.api_token(600).await;
    let said = claims(&token);
    let user = ada.get(CURRENT_USER).await.expect_ok();
    assert_eq!(
        introspect(&admin, &token).await.expect_ok(),
        json!({
            "active": true, "scope": "*:write", "username": "ada", "token_type": "Bearer", "sub": user["id"],
            "aud": said["aud"], "iss": said["iss"], "exp": said["exp"], "jti": said["jti"],
            "iat": said["iat"].as_f64().unwrap() as i64, "auth_time": said["auth_time"].as_f64().unwrap() as i64,
            "kind": "generic", "is_service_account": false,
        })
    );
    let narrow = ada.get("/api/v1/api_token?scope=runs:read&project=default").await.expect_ok();
    let narrow = introspect(&admin, narrow.as_str().unwrap()).await.expect_ok();
    let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    assert_eq!((&narrow["scope"], &narrow["projects"]), (&json!("runs:read"), &json!([project])));

    let (id, key) = service_account(&admin, "ci").await;
    let of_key = introspect(&admin, text_of(&key)).await.expect_ok();
    assert_eq!((&of_key["sub"], &of_key["username"]), (&json!(id), &json!("ci")));
    assert_eq!((&of_key["api_key_id"], &of_key["is_service_account"]), (&key["id"], &json!(true)));
    let login = app.anonymous().post_form("/api/v1/login", &[("password", text_of(&key))]).await.expect_ok();
    let of_login = introspect(&admin, login["access_token"].as_str().unwrap()).await.expect_ok();
    assert_eq!((&of_login["kind"], &of_login["api_key_id"]), (&json!("login"), &key["id"]));
    assert_eq!(of_login["exp"], Value::Null);

    // In steady use it costs no query that the tokens themselves don't.
    let mut fewest = u64::MAX;
    for _ in 0..10 {
        let before = app.state.store.reads();
        introspect(&admin, &token).await.expect_ok();
        app.anonymous().with_token(&token).get(FORWARD_AUTH).await.expect(200, "");
        fewest = fewest.min(app.state.store.reads() - before);
    }
    assert_eq!(fewest, 0);
}

async fn any_other_token_is_inactive_and_no_more(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let eve = app.new_user("eve", false).await;
    let (_, key) = service_account(&admin, "ci").await;
    let inactive = async |token: &str| {
        let answer = introspect(&admin, token).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, INACTIVE), "{token}");
    };
    let ended = eve.api_token(10).await;
    let (outdated, revoked) = (eve.api_token(600).await, eve.api_token(600).await);
    app.clock.advance(21);
    let wrong_key = format!("{}x", text_of(&key));
    let forged = format!("{}.{}", revoked.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode([7; 32]));
    for token in ["nonsense", "ZENKEY_", "a.b.c", &wrong_key, &forged, &ended] {
        inactive(token).await;
    }
    introspect(&admin, &revoked).await.expect(200, "true");
    revoke(&admin, &revoked).await.expect(200, "");
    inactive(&revoked).await;
    introspect(&admin, &outdated).await.expect(200, "true");
    let password = json!({"password": "another horse", "old_password": PASSWORD});
    eve.put(CURRENT_USER, password).await.expect_ok();
    inactive(&outdated).await;

    let login = app.anonymous().login("eve", "another horse").await.expect_ok();
    let login = login["access_token"].as_str().unwrap();
    introspect(&admin, login).await.expect(200, "true");
    // A cross-site session's token is good for a browser with its CSRF token only.
    let cross_site =
        app.anonymous().with("origin", "https://elsewhere.example").login("eve", "another horse").await;
    inactive(cross_site.expect_ok()["access_token"].as_str().unwrap()).await;
    admin.put("/api/v1/users/eve", json!({"active": false})).await.expect_ok();
    inactive(login).await;

    introspect(&admin, text_of(&key)).await.expect(200, "true");
    let path = format!("/api/v1/service_accounts/ci/api_keys/{}", key["id"].as_str().unwrap());
    let path = path.replace("/ci/", &format!("/{}/", key["body"]["service_account"]["id"].as_str().unwrap()));
    admin.put(&path, json!({"active": false})).await.expect_ok();
    inactive(text_of(&key)).await;

    for form in
        [&[][..], &[("token", "")], &[("token_type_hint", "access_token")], &[("token", "a"), ("token", "b")]]
    {
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            admin.post_form(path, form).await.expect(400, "invalid_request");
        }
    }
}

async fn only_who_has_the_right_may_ask(database: Database) {
    let accounts = ("ZENDO_INTROSPECTION_ACCOUNTS", "gateway, monitoring,eve");
    let app = TestApp::start_with(&database, &[accounts]).await;
    let admin = app.signed_in().await;
    let token = admin.api_token(600).await;
    let (_, gateway) = service_account(&admin, "gateway").await;
    let (_, other) = service_account(&admin, "other").await;
    let basic = |user: &str, password: &str| {
        let credential = STANDARD.encode(format!("{user}:{password}"));
        app.anonymous().with("authorization", &format!("Basic {credential}"))
    };
    let encoded = text_of(&gateway).replace('=', "%3D").replace('+', "%2B").replace('/', "%2F");
    let narrow = |scope: &'static str| {
        let admin = admin.clone();
        async move { admin.get(&format!("/api/v1/api_token?scope={scope}")).await.expect_ok() }
    };
    let reader = narrow("oauth:read").await;
    let reader = app.anonymous().with_token(reader.as_str().unwrap());
    for caller in [
        &admin,
        &app.anonymous().with_token(text_of(&gateway)),
        &basic("gateway", text_of(&gateway)),
        &basic("", &encoded),
        &reader,
    ] {
        introspect(caller, &token).await.expect(200, "\"active\":true");
    }
    let (runs, of_project) = (narrow("runs:write").await, narrow("oauth:write&project=default").await);
    for (caller, reason) in [
        // A user is no service account of that name.
        (&app.new_user("eve", false).await, "Only admins"),
        (&app.anonymous().with_token(text_of(&other)), "Only admins"),
        (&basic("gateway", text_of(&other)), "Only admins"),
        (&app.anonymous().with_token(runs.as_str().unwrap()), "oauth:"),
        (&app.anonymous().with_token(of_project.as_str().unwrap()), "for some projects only"),
    ] {
        for answer in [introspect(caller, &token).await, revoke(caller, &token).await] {
            answer.expect(403, reason);
            assert!(answer.header("www-authenticate").unwrap().contains("insufficient_scope"), "{answer:?}");
        }
    }
    revoke(&reader, &token).await.expect(403, "oauth:delete");
    let wrong = text_of(&gateway).replace("ZENKEY_", "ZENKEY_e");
    for caller in [app.anonymous(), basic(ADMIN, PASSWORD), basic("gateway", &wrong)] {
        let answer = introspect(&caller, &token).await;
        answer.expect(401, "");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"zendo\""));
        revoke(&caller, &token).await.expect(401, "");
    }
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
    // Elsewhere a key is no password.
    basic("gateway", text_of(&gateway)).get(CURRENT_USER).await.expect(401, "Not authenticated");
}

async fn a_revoked_token_is_refused_everywhere(database: Database) {
    let (here, elsewhere) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let admin = here.signed_in().await;
    let ada = here.new_user("ada", false).await;
    let (token, other) = (ada.api_token(600).await, ada.api_token(600).await);
    let script = |app: &TestApp, token: &str| app.anonymous().with_token(token);
    script(&elsewhere, &token).get(CURRENT_USER).await.expect_ok();
    revoke(&admin, &token).await.expect(200, "");
    script(&here, &token).get(CURRENT_USER).await.expect(401, "was revoked");
    script(&elsewhere, &token).until(401, CURRENT_USER, "was revoked").await;
    script(&elsewhere, &token).get(FORWARD_AUTH).await.expect(401, "");
    script(&here, &other).get(CURRENT_USER).await.expect_ok();
    // It's no news, and what never was a token is none.
    for token in [token.as_str(), "nonsense", "a.b.c"] {
        revoke(&admin, token).await.expect(200, "");
    }
    let (_, key) = service_account(&admin, "ci").await;
    revoke(&admin, text_of(&key)).await.expect(400, "unsupported_token_type");
    here.anonymous().with_token(text_of(&key)).get(CURRENT_USER).await.expect_ok();
    let later = TestApp::start(&database).await;
    script(&later, &token).get(CURRENT_USER).await.expect(401, "was revoked");
}

async fn forward_auth_tells_who_it_is(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let ada = app.new_user("ada@example.com", false).await;
    let token = ada.api_token(600).await;
    let user = ada.get(CURRENT_USER).await.expect_ok();
    let answer = app.anonymous().with_token(&token).get(FORWARD_AUTH).await;
    answer.expect(200, "");
    let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("no {name}"));
    for name in ["x-auth-request-user", "remote-user"] {
        assert_eq!(header(name), "ada@example.com");
    }
    assert_eq!(header("x-auth-request-user-id"), user["id"]);
    assert_eq!(header("x-auth-request-scope"), "*:write");
    assert_eq!(header("x-auth-request-projects"), "*");
    assert_eq!(header("x-auth-request-token-id"), claims(&token)["jti"]);
    assert_eq!(header("cache-control"), "no-store");

    let (id, key) = service_account(&admin, "ci").await;
    let answer = app.anonymous().with_token(text_of(&key)).get(FORWARD_AUTH).await;
    assert_eq!(answer.header("x-auth-request-user"), Some("service-account:ci"));
    assert_eq!(answer.header("x-auth-request-user-id"), Some(id.as_str()));
    // Every header is in every answer, lest one of the caller's is passed on.
    assert_eq!(answer.header("x-auth-request-token-id"), Some(""));

    let browser = app.anonymous().login("ada@example.com", PASSWORD).await;
    let cookie = browser.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let answer = app.anonymous().with("cookie", &cookie).get(FORWARD_AUTH).await;
    assert_eq!((answer.status, answer.header("remote-user")), (200, Some("ada@example.com")));
}

/// Some of these would be answered by a layer of the API before anybody has looked at their token.
async fn forward_auth_looks_at_every_request(database: Database) {
    let app = TestApp::start(&database).await;
    let good = app.script(600).await;
    let strange = |caller: Caller| {
        caller
            .with("origin", "https://elsewhere.example")
            .with("access-control-request-method", "POST")
            .with("content-type", "multipart/form-data; boundary=x")
            .with("idempotency-key", "00000000-0000-0000-0000-000000000007")
            .with("remote-user", "default")
            .with("x-auth-request-user", "default")
    };
    let (nobody, good) = (strange(app.anonymous()), strange(good));
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        for path in
            [FORWARD_AUTH, "/oauth/forward-auth/some/path?scope=runs:read", "/oauth/forward-auth//..;/x"]
        {
            let ask = async |caller: &Caller| {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                caller.request(method, path, "").await
            };
            let refused = ask(&nobody).await;
            assert_eq!(refused.status, 401, "{method} {path}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
            assert_eq!(refused.header("remote-user"), None);
            assert_eq!(ask(&good).await.status, 200, "{method} {path}");
        }
    }
    let answer = app.anonymous().with_token("a.b.c").get(FORWARD_AUTH).await;
    answer.expect(401, "");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
}

async fn names_can_not_be_mistaken_for_each_other(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (_, key) = service_account(&admin, ADMIN).await;
    let mut seen = vec![ADMIN.to_owned()];
    let name_of = async |caller: &Caller| {
        let answer = caller.get(FORWARD_AUTH).await;
        assert_eq!(answer.status, 200);
        answer.header("x-auth-request-user").unwrap().to_owned()
    };
    seen.push(name_of(&app.anonymous().with_token(text_of(&key))).await);
    for name in [" default", "default ", "service-account:default", "defa%75lt", "défault", "default\u{a0}"]
    {
        let user = json!({"name": name, "is_admin": false, "password": PASSWORD});
        let made = admin.post("/api/v1/users", user).await;
        // MariaDB takes some of them for the same name itself.
        if made.status == 409 {
            continue;
        }
        made.expect_ok();
        seen.push(name_of(&app.signed_in_as(name).await).await);
    }
    assert!(seen.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_graphic())), "{seen:?}");
    seen.sort();
    let all = seen.len();
    assert!(all > 5, "{seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), all, "{seen:?}");
}

async fn a_proxy_may_ask_for_a_scope(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let narrow = admin.get("/api/v1/api_token?scope=runs:read%20runs:create").await.expect_ok();
    let narrow = app.anonymous().with_token(narrow.as_str().unwrap());
    let answer = narrow.get(FORWARD_AUTH).await;
    assert_eq!((answer.status, answer.header("x-auth-request-scope")), (200, Some("runs:read runs:create")));
    for (asked, status) in [
        ("runs:read", 200),
        ("runs:read+runs:create", 200),
        ("runs:write", 403),
        ("runs:read+secrets:read", 403),
        ("runs:read&scope=secrets:read", 403),
        ("secrets:read&scope=runs:read", 403),
        ("nonsense", 422),
    ] {
        let answer = narrow.get(&format!("{FORWARD_AUTH}?scope={asked}")).await;
        assert_eq!(answer.status, status, "{asked}");
        assert_eq!(answer.header("remote-user").is_some(), status == 200);
        if status != 422 {
            admin.get(&format!("{FORWARD_AUTH}?scope={asked}")).await.expect(200, "");
        }
    }
    let refused = narrow.get(&format!("{FORWARD_AUTH}?scope=secrets:read")).await;
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Bearer error=\"insufficient_scope\", scope=\"secrets:read\"")
    );
}

#[tokio::test]
async fn the_metadata_says_what_is_where() {
    let app = TestApp::start(&Database::sqlite()).await;
    let url = app.url();
    let answer = app.anonymous().get("/.well-known/oauth-authorization-server").await;
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
    let metadata = answer.expect_ok();
    assert_eq!(metadata["issuer"], url);
    for (name, path) in [
        ("token_endpoint", "/oauth/token"),
        ("device_authorization_endpoint", "/api/v1/device_authorization"),
        ("jwks_uri", "/.well-known/jwks.json"),
        ("introspection_endpoint", "/oauth/introspect"),
        ("revocation_endpoint", "/oauth/revoke"),
    ] {
        assert_eq!(metadata[name], format!("{url}{path}"));
    }
    app.stop().await;

    // With a path of its own it is found from the host too (RFC 8414, section 3.1).
    let variables = [
        ("ZENML_SERVER_ROOT_URL_PATH", "/zen"),
        ("ZENML_SERVER_SERVER_URL", "https://example.com/zen"),
        ("ZENML_SERVER_JWT_TOKEN_ISSUER", "https://example.com/zen"),
    ];
    let app = TestApp::start_with(&Database::sqlite(), &variables).await;
    let host = Caller::new(app.url().trim_end_matches("/zen").to_owned());
    for path in [
        "/zen/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/zen",
        "/.well-known/oauth-authorization-server",
    ] {
        let metadata = host.get(path).await.expect_ok();
        assert_eq!(metadata["issuer"], "https://example.com/zen");
        assert_eq!(metadata["jwks_uri"], "https://example.com/zen/.well-known/jwks.json");
    }
    for path in ["/zen/.well-known/jwks.json", "/.well-known/jwks.json"] {
        assert_eq!(host.get(path).await.expect_ok(), json!({"keys": []}));
    }
    host.get("/zen/oauth/forward-auth").await.expect(401, "");
}
