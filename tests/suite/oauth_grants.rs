//! The token endpoint in OAuth's words: what is asked for, what is refused and how (RFC 6749, RFC 8693, RFC 8414).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, EXCHANGE, Issuer, JWT, TestApp, exchange};
use crate::trusts::service_account;

on_each_store! {
    each_answer_and_each_refusal_has_oauths_headers,
    the_kind_of_token_that_is_asked_for_is_given,
    a_token_is_for_this_server_alone_however_often_it_is_said,
    a_client_says_who_it_is_once_and_rightly,
    a_client_that_is_switched_off_or_elsewhere_gets_nothing,
    guesses_at_a_clients_secret_are_slowed_down,
    an_exchange_from_elsewhere_is_refused_with_the_reason,
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

struct Set {
    app: TestApp,
    admin: Caller,
    issuer: Issuer,
    account: String,
}

impl Set {
    async fn up(database: &Database, more: Value) -> Self {
        let app = TestApp::start_with(database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1")]).await;
        let admin = app.signed_in().await;
        let account = service_account(&admin, "ci").await;
        let issuer = Issuer::start(1).await;
        let mut rule = json!({
            "name": "train", "service_account": "ci", "issuer": issuer.url, "audience": "zendo",
            "conditions": {"sub": "job"},
        });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.post("/api/v1/trusts", rule).await.expect_ok();
        Self { app, admin, issuer, account }
    }

    fn token(&self) -> String {
        self.issuer.token(&self.app, json!({"aud": "zendo"}))
    }

    async fn exchanged(&self, more: &[(&str, &str)]) -> Answer {
        exchange(&self.app.anonymous(), &self.token(), more).await
    }

    async fn key(&self, more: Value) -> String {
        let mut body = json!({"name": uuid::Uuid::new_v4().to_string()});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("/api/v1/service_accounts/{}/api_keys", self.account);
        self.admin.post(&path, body).await.expect_ok()["body"]["key"].as_str().unwrap().to_owned()
    }

    fn at(&self, address: &str) -> Caller {
        self.app.anonymous().with("x-forwarded-for", address)
    }
}

fn basic(caller: Caller, id: &str, secret: &str) -> Caller {
    caller.with("authorization", &format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
}

async fn in_form(caller: &Caller, id: &str, secret: &str) -> Answer {
    caller.post_form("/oauth/token", &[GRANT, ("client_id", id), ("client_secret", secret)]).await
}

fn is_unkept(answer: &Answer) -> bool {
    (answer.header("cache-control"), answer.header("pragma")) == (Some("no-store"), Some("no-cache"))
}

fn refusal(answer: &Answer, status: u16, code: &str) {
    let said = answer.json();
    assert_eq!((answer.status, &said["error"]), (status, &json!(code)), "{answer:?}");
    // RFC 6749, section 5.2: these letters alone.
    let words = said["error_description"].as_str().unwrap();
    assert!(
        !words.is_empty() && words.chars().all(|letter| matches!(letter, ' ' | '!' | '#'..='[' | ']'..='~')),
        "{words}"
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(is_unkept(answer), "{:?}", answer.headers);
}

async fn each_answer_and_each_refusal_has_oauths_headers(database: Database) {
    let set = Set::up(&database, json!({})).await;
    let (caller, key) = (set.app.anonymous(), set.key(json!({})).await);
    for answer in [set.exchanged(&[]).await, in_form(&caller, "ci", &key).await] {
        let said = answer.expect_ok();
        assert!(is_unkept(&answer), "{:?}", answer.headers);
        assert_eq!((&said["token_type"], &said["scope"]), (&json!("Bearer"), &json!("*:write")));
        assert!(
            said["expires_in"].is_i64()
                && said["access_token"].is_string()
                && said.get("refresh_token").is_none()
        );
    }
    let whole = [("grant_type", EXCHANGE), ("subject_token", "a.b.c"), ("subject_token_type", JWT)];
    for (form, status, code) in [
        (vec![], 400, "invalid_request"),
        (vec![("grant_type", "implicit")], 400, "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token")], 400, "unsupported_grant_type"),
        (whole.to_vec(), 400, "invalid_request"),
        (whole[..2].to_vec(), 400, "invalid_request"),
        ([&whole[..], &[("actor_token", "a"), ("actor_token_type", JWT)]].concat(), 400, "invalid_request"),
        ([&whole[..], &[("actor_token_type", JWT)]].concat(), 400, "invalid_request"),
        ([&whole[..], &[("scope", "a"), ("scope", "b")]].concat(), 400, "invalid_request"),
        (vec![GRANT, GRANT], 400, "invalid_request"),
        (vec![GRANT], 401, "invalid_client"),
        (vec![GRANT, ("client_id", "ci"), ("client_secret", "wrong")], 401, "invalid_client"),
        (vec![GRANT, ("client_id", "ci"), ("client_secret", &key), ("scope", "runs")], 400, "invalid_scope"),
        (
            vec![GRANT, ("client_id", "ci"), ("client_secret", &key), ("resource", "https://else.example")],
            400,
            "invalid_target",
        ),
    ] {
        refusal(&caller.post_form("/oauth/token", &form).await, status, code);
    }
    refusal(&caller.get("/oauth/token").await, 405, "invalid_request");
    // What is where: for each scheme the grants that it has.
    for (scheme, exchanges) in [("OAUTH2_PASSWORD_BEARER", true), ("HTTP_BASIC", false), ("NO_AUTH", false)] {
        let app = TestApp::start_with(&Database::sqlite(), &[("ZENML_SERVER_AUTH_SCHEME", scheme)]).await;
        let metadata = app.anonymous().get("/.well-known/oauth-authorization-server").await.expect_ok();
        let grants: Vec<String> = serde_json::from_value(metadata["grant_types_supported"].clone()).unwrap();
        assert_eq!(metadata["token_endpoint"], format!("{}/oauth/token", app.url()));
        for (grant, more) in [(EXCHANGE, &whole[1..]), ("client_credentials", &[])] {
            assert_eq!(grants.iter().any(|known| known == grant), exchanges, "{scheme} {grants:?}");
            let form = [&[("grant_type", grant)], more].concat();
            let answer = app.anonymous().post_form("/oauth/token", &form).await;
            assert_eq!(answer.json()["error"] == "unsupported_grant_type", !exchanges, "{scheme} {answer:?}");
        }
        let methods = metadata["token_endpoint_auth_methods_supported"].to_string();
        assert!(
            methods.contains("client_secret_basic") && methods.contains("client_secret_post"),
            "{methods}"
        );
    }
}

async fn the_kind_of_token_that_is_asked_for_is_given(database: Database) {
    let set = Set::up(&database, json!({"scope": "runs:read"})).await;
    for (asked, given) in [(None, ACCESS_TOKEN), (Some(ACCESS_TOKEN), ACCESS_TOKEN), (Some(JWT), JWT)] {
        let more: Vec<(&str, &str)> = asked.map(|kind| ("requested_token_type", kind)).into_iter().collect();
        let answer = set.exchanged(&more).await.expect_ok();
        assert_eq!((&answer["issued_token_type"], &answer["scope"]), (&json!(given), &json!("runs:read")));
        assert_eq!(answer["token_type"], "Bearer");
    }
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    let form = [("grant_type", EXCHANGE), ("subject_token", &set.token()), ("subject_token_type", id_token)];
    set.app.anonymous().post_form("/oauth/token", &form).await.expect_ok();
    for kind in [
        id_token,
        "urn:ietf:params:oauth:token-type:refresh_token",
        "access_token",
        "urn:ietf:params:oauth:token-type:saml2",
    ] {
        refusal(&set.exchanged(&[("requested_token_type", kind)]).await, 400, "invalid_request");
    }
}

async fn a_token_is_for_this_server_alone_however_often_it_is_said(database: Database) {
    let set = Set::up(&database, json!({})).await;
    let (url, api) = (set.app.url(), format!("{}/api/v1", set.app.url()));
    for good in [
        vec![("resource", url.as_str())],
        vec![("resource", &api), ("resource", &url)],
        vec![("audience", "zendo"), ("audience", &url), ("resource", &api)],
        vec![("resource", ""), ("audience", "")],
    ] {
        set.exchanged(&good).await.expect_ok();
    }
    let (fragment, longer) = (format!("{url}/#a"), format!("{url}1/api"));
    for bad in [
        vec![("resource", "https://else.example")],
        vec![("resource", url.as_str()), ("resource", "https://else.example")],
        vec![("audience", "zendo"), ("audience", "else")],
        vec![("audience", "zendo"), ("resource", "https://else.example")],
        vec![("resource", &fragment)],
        vec![("resource", &longer)],
        // No address.
        vec![("resource", "zendo")],
        vec![("resource", "/api/v1")],
    ] {
        refusal(&set.exchanged(&bad).await, 400, "invalid_target");
    }
}

async fn a_client_says_who_it_is_once_and_rightly(database: Database) {
    let set = Set::up(&database, json!({})).await;
    let key = set.key(json!({})).await;
    let other = service_account(&set.admin, "cd").await;
    let anonymous = || set.app.anonymous();
    for good in [
        in_form(&anonymous(), "ci", &key).await,
        in_form(&anonymous(), &set.account, &key).await,
        basic(anonymous(), "ci", &key).post_form("/oauth/token", &[GRANT]).await,
        // RFC 6749, section 2.3: the id may be said again, the secret not.
        basic(anonymous(), "ci", &key).post_form("/oauth/token", &[GRANT, ("client_id", "ci")]).await,
    ] {
        good.expect_ok();
    }
    for more in [
        &[("client_secret", key.as_str())][..],
        &[("client_id", "cd")],
        &[("client_id", "ci"), ("client_secret", &key)],
    ] {
        let answer =
            basic(anonymous(), "ci", &key).post_form("/oauth/token", &[&[GRANT], more].concat()).await;
        refusal(&answer, 400, "invalid_request");
    }
    for (answer, challenge) in [
        (in_form(&anonymous(), "cd", &key).await, "Basic"),
        (in_form(&anonymous(), &other, &key).await, "Basic"),
        (in_form(&anonymous(), "", &key).await, "Basic"),
        (in_form(&anonymous(), "ci", "").await, "Basic"),
        (anonymous().with("authorization", "Basic !").post_form("/oauth/token", &[GRANT]).await, "Basic"),
        (basic(anonymous(), "ci", &format!("{key}x")).post_form("/oauth/token", &[GRANT]).await, "Basic"),
    ] {
        refusal(&answer, 401, "invalid_client");
        assert!(answer.header("www-authenticate").unwrap().starts_with(challenge), "{answer:?}");
        set.app.clock.advance(3700);
    }
}

async fn a_client_that_is_switched_off_or_elsewhere_gets_nothing(database: Database) {
    let set = Set::up(&database, json!({})).await;
    let key = set.key(json!({"addresses": ["10.0.0.0/8", "2001:db8::/32"], "expires_in": 600})).await;
    for inside in ["10.1.1.1", "::ffff:10.1.1.1", "2001:db8::7"] {
        let given = in_form(&set.at(inside), "ci", &key).await.expect_ok();
        // Not longer than the key.
        assert!(given["expires_in"].as_i64().unwrap() <= 600, "{given}");
        let token = given["access_token"].as_str().unwrap();
        set.at(inside).with_token(token).get("/api/v1/current-user").await.expect_ok();
        set.at("192.0.2.1")
            .with_token(token)
            .get("/api/v1/current-user")
            .await
            .expect(403, "may not be used from");
    }
    for outside in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db9::7"] {
        let answer = in_form(&set.at(outside), "ci", &key).await;
        refusal(&answer, 403, "access_denied");
        answer.expect(403, "may not be used from");
    }
    let records = set.admin.get("/api/v1/audit?action=sign_in_refused&credential=api_key").await.expect_ok();
    assert!(records["total"].as_u64().unwrap() >= 1 && records["items"][0]["user_name"] == "ci", "{records}");
    let account = format!("/api/v1/service_accounts/{}", set.account);
    set.admin.put(&account, json!({"active": false})).await.expect_ok();
    refusal(&in_form(&set.at("10.1.1.1"), "ci", &key).await, 401, "invalid_client");
    refusal(&set.exchanged(&[]).await, 400, "invalid_request");
    set.admin.put(&account, json!({"active": true})).await.expect_ok();
    set.app.clock.advance(601);
    refusal(&in_form(&set.at("10.1.1.1"), "ci", &key).await, 401, "invalid_client");
}

async fn guesses_at_a_clients_secret_are_slowed_down(database: Database) {
    let set = Set::up(&database, json!({})).await;
    let key = set.key(json!({})).await;
    let said = STANDARD.decode(key.strip_prefix("ZENKEY_").unwrap()).unwrap();
    let mut said: Value = serde_json::from_slice(&said).unwrap();
    said["key"] = json!("another");
    let wrong = format!("ZENKEY_{}", STANDARD.encode(said.to_string()));
    refusal(&in_form(&set.at("10.0.0.1"), "ci", &wrong).await, 401, "invalid_client");
    let mut slowed_down = false;
    for number in 1..200 {
        // From everywhere: it is the client that is guessed at.
        let answer = in_form(&set.at(&format!("10.0.{number}.1")), "ci", &wrong).await;
        let Some(wait) = answer.header("retry-after").map(|wait| wait.parse::<i64>().unwrap()) else {
            continue;
        };
        refusal(&answer, 429, "temporarily_unavailable");
        slowed_down = wait >= 8;
        if slowed_down {
            break;
        }
        set.app.clock.advance(wait);
    }
    assert!(slowed_down, "guesses go on");
    in_form(&set.at("10.1.0.1"), "ci", &key).await.expect(429, "Too many failed attempts");
    set.app.clock.advance(3700);
    in_form(&set.at("10.1.0.1"), "ci", &key).await.expect_ok();
}

async fn an_exchange_from_elsewhere_is_refused_with_the_reason(database: Database) {
    let set = Set::up(&database, json!({"addresses": ["10.0.0.0/8", "2001:db8::/32"]})).await;
    for inside in ["10.1.1.1", "::ffff:10.1.1.1", "2001:db8::1"] {
        let given = exchange(&set.at(inside), &set.token(), &[]).await.expect_ok();
        let token = given["access_token"].as_str().unwrap();
        set.at(inside).with_token(token).get("/api/v1/current-user").await.expect_ok();
        set.at("192.0.2.1")
            .with_token(token)
            .get("/api/v1/current-user")
            .await
            .expect(403, "may not be used from");
        // Nothing wider is made with it.
        let wider = set.at(inside).with_token(token).get("/api/v1/api_token?addresses=192.0.2.1").await;
        wider.expect(403, "for other addresses only");
        let asked = exchange(&set.at(inside), &set.token(), &[("addresses", "192.0.2.0/24")]).await;
        refusal(&asked, 400, "invalid_scope");
    }
    let token = set.token();
    let answer = exchange(&set.at("192.0.2.1"), &token, &[]).await;
    refusal(&answer, 403, "access_denied");
    answer.expect(403, "may not be exchanged from 192.0.2.1");
    let records =
        set.admin.get("/api/v1/audit?action=sign_in_refused&credential=subject_token").await.expect_ok();
    let record = &records["items"][0];
    assert!(record["reason"].as_str().unwrap().contains("may not be exchanged from 192.0.2.1"), "{record}");
    assert_eq!(record["address"], "192.0.2.1");
    // It is as good as before where it may be.
    exchange(&set.at("10.1.1.1"), &token, &[]).await.expect_ok();
    // Of a token that is no good anyway nothing is told.
    let other = set.issuer.token(&set.app, json!({"aud": "zendo", "sub": "else"}));
    refusal(&exchange(&set.at("192.0.2.1"), &other, &[]).await, 400, "invalid_request");
}
