//! A token of others in exchange for one of a service account (RFC 8693), and one for a client's credentials.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::support::{Caller, Database, EXCHANGE, Issuer, JWT, TestApp, exchange, wait_until};
use crate::trusts::service_account;

on_each_store! {
    a_trusted_token_is_exchanged_once_on_all_replicas,
    what_is_given_is_what_the_rule_and_the_request_leave,
    what_a_rule_has_given_ends_with_it_on_all_replicas,
    what_is_no_good_token_is_refused_recorded_and_slowed_down,
    a_request_that_is_none_is_refused_in_oauths_words,
    no_token_of_another_issuer_audience_repository_or_namespace_is_ever_exchanged,
    a_client_gets_a_token_for_its_key,
    addresses_of_a_rule_are_asked_through_the_proxies,
}

const TRUSTS: &str = "/api/v1/trusts";
const CURRENT_USER: &str = "/api/v1/current-user";

fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A server with the service account `ci`, an issuer, and a rule for its tokens with `more`.
async fn set_up(database: &Database, more: Value) -> (TestApp, Caller, Issuer) {
    let app = TestApp::start(database).await;
    let admin = app.signed_in().await;
    service_account(&admin, "ci").await;
    let issuer = Issuer::start(1).await;
    let mut rule = json!({
        "name": "train", "service_account": "ci", "issuer": issuer.url, "audience": "zendo",
        "conditions": {"repository": "acme/app"},
    });
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post(TRUSTS, rule).await.expect_ok();
    (app, admin, issuer)
}

fn good() -> Value {
    json!({"aud": "zendo", "repository": "acme/app"})
}

async fn given(app: &TestApp, issuer: &Issuer) -> String {
    let answer = exchange(&app.anonymous(), &issuer.token(app, good()), &[]).await.expect_ok();
    text(&answer, "access_token").to_owned()
}

async fn a_trusted_token_is_exchanged_once_on_all_replicas(database: Database) {
    let (app, admin, issuer) = set_up(&database, json!({})).await;
    let replica = TestApp::start(&database).await;
    let subject = issuer.token(&app, good());
    let answer = exchange(&app.anonymous(), &subject, &[("name", "job 7")]).await;
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        (Some("no-store"), Some("no-cache"))
    );
    let answer = answer.expect_ok();
    assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(answer["scope"], "*:write");
    let token = text(&answer, "access_token");
    let holder = app.anonymous().with_token(token);
    assert_eq!(holder.get(CURRENT_USER).await.expect_ok()["name"], "ci");
    replica.anonymous().with_token(token).get(CURRENT_USER).await.expect_ok();

    for server in [&app, &replica] {
        let again = exchange(&server.anonymous(), &subject, &[]).await;
        again.expect(400, "used before");
        assert_eq!(again.json()["error"], "invalid_request");
    }
    // Of many at once one gets a token.
    let subject = issuer.token(&app, good());
    let callers = [app.anonymous(), replica.anonymous()];
    let all = (0..8).map(|place| exchange(&callers[place % 2], &subject, &[]));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| [200, 400].contains(&answer.status)), "{answers:?}");

    // It is in the register and in the audit, and can be taken back.
    let mut rule = Value::Null;
    wait_until("both are in the register", std::time::Duration::from_secs(10), async || {
        rule = admin.get(&format!("{TRUSTS}/train")).await.expect_ok();
        rule["metadata"]["tokens"] == 2
    })
    .await;
    assert_ne!(rule["body"]["last_used"], Value::Null);
    let parent = text(&rule["metadata"], "credential_id");
    let listed = admin.get(&format!("/api/v1/api_tokens?parent_id={parent}&name=job%207")).await.expect_ok();
    assert_eq!(listed["items"][0]["id"], claims(token)["jti"]);
    assert_eq!(listed["items"][0]["resources"]["parent"]["name"], "train");
    let signed_in = admin.get("/api/v1/audit?action=sign_in&credential=subject_token").await.expect_ok();
    assert_eq!(signed_in["total"], 2, "{signed_in}");
    let id = text(&listed["items"][0], "id");
    admin.delete(&format!("/api/v1/api_tokens/{id}")).await.expect_ok();
    holder.get(CURRENT_USER).await.expect(401, "revoked");
    replica.anonymous().with_token(token).until(401, CURRENT_USER, "revoked").await;
    replica.stop().await;
}

async fn what_is_given_is_what_the_rule_and_the_request_leave(database: Database) {
    let more = json!({"scope": "runs:write tags:read", "projects": ["default"], "expires_in": 900});
    let (app, admin, issuer) = set_up(&database, more).await;
    admin.post("/api/v1/projects", json!({"name": "other"})).await.expect_ok();
    let ask =
        async |more: &[(&str, &str)]| exchange(&app.anonymous(), &issuer.token(&app, good()), more).await;
    let answer = ask(&[]).await.expect_ok();
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("runs:write tags:read"), &json!(900)));
    let holder = app.anonymous().with_token(text(&answer, "access_token"));
    holder.get("/api/v1/tags").await.expect_ok();
    holder.get("/api/v1/runs?project=default").await.expect_ok();
    holder.get("/api/v1/runs?project=other").await.expect(403, "other projects");
    holder.post("/api/v1/tags", json!({"name": "t"})).await.expect(403, "tags:create");
    holder.get("/api/v1/stacks").await.expect(403, "stacks:read");

    // Less may be asked for, and no more is given.
    let answer = ask(&[("scope", "runs:read"), ("expires_in", "60")]).await.expect_ok();
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("runs:read"), &json!(60)));
    let answer =
        ask(&[("scope", "*:write"), ("expires_in", "99999999"), ("project", "default")]).await.expect_ok();
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("runs:write tags:read"), &json!(900)));
    for (more, code) in [
        ([("scope", "stacks:read")], "invalid_scope"),
        ([("scope", "nothings:read")], "invalid_scope"),
        ([("scope", "runs")], "invalid_scope"),
        ([("project", "other")], "invalid_scope"),
        ([("project", "nowhere")], "invalid_scope"),
        ([("resource", "https://elsewhere.example")], "invalid_target"),
        ([("audience", "elsewhere")], "invalid_target"),
        ([("expires_in", "0")], "invalid_request"),
        ([("expires_in", "long")], "invalid_request"),
        ([("client_id", "somebody")], "invalid_request"),
    ] {
        let answer = ask(&more).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!(code)), "{more:?} {answer:?}");
    }
    let url = app.url();
    for more in [
        ("resource", format!("{url}/api/v1")),
        ("audience", "zendo".to_owned()),
        ("client_id", "ci".to_owned()),
    ] {
        ask(&[(more.0, &more.1)]).await.expect_ok();
    }
    // A request that was refused for what it asks has not used its token up.
    let subject = issuer.token(&app, good());
    exchange(&app.anonymous(), &subject, &[("scope", "stacks:read")]).await.expect(400, "invalid_scope");
    exchange(&app.anonymous(), &subject, &[]).await.expect_ok();
}

async fn what_a_rule_has_given_ends_with_it_on_all_replicas(database: Database) {
    let (app, admin, issuer) = set_up(&database, json!({})).await;
    let replica = TestApp::start(&database).await;
    let path = format!("{TRUSTS}/train");
    let is_good = async |token: &str| app.anonymous().with_token(token).get(CURRENT_USER).await.status == 200;
    for change in [
        json!({"conditions": {"repository": ["acme/app", "acme/lib"]}}),
        json!({"scope": "*:write secrets:none"}),
        json!({"active": false}),
    ] {
        let token = given(&app, &issuer).await;
        let child = app.anonymous().with_token(&token).api_token(60).await;
        admin.put(&path, json!({"description": "the same"})).await.expect_ok();
        assert!(is_good(&token).await && is_good(&child).await, "{change}");
        admin.put(&path, change.clone()).await.expect_ok();
        assert!(!is_good(&token).await && !is_good(&child).await, "{change}");
        for token in [&token, &child] {
            replica.anonymous().with_token(token).until(401, CURRENT_USER, "revoked").await;
        }
    }
    let refused = exchange(&app.anonymous(), &issuer.token(&app, good()), &[]).await;
    refused.expect(400, "no trust rule is for its issuer");
    admin.put(&path, json!({"active": true})).await.expect_ok();
    let token = given(&app, &issuer).await;
    // An account that is switched off for a while ends its tokens.
    let account = "/api/v1/service_accounts/ci";
    admin.put(account, json!({"active": false})).await.expect_ok();
    assert!(!is_good(&token).await);
    exchange(&app.anonymous(), &issuer.token(&app, good()), &[]).await.expect(400, "no trust rule takes it");
    admin.put(account, json!({"active": true})).await.expect_ok();
    assert!(!is_good(&token).await);
    let token = given(&app, &issuer).await;
    admin.delete(&path).await.expect_ok();
    assert!(!is_good(&token).await);
    replica.anonymous().with_token(&token).until(401, CURRENT_USER, "revoked").await;
    let deleted = admin.get("/api/v1/audit?action=trust_deleted").await.expect_ok();
    assert!(deleted["items"][0]["details"]["descendants"].as_u64().unwrap() >= 1, "{deleted}");
    replica.stop().await;
}

async fn what_is_no_good_token_is_refused_recorded_and_slowed_down(database: Database) {
    let (app, admin, issuer) = set_up(&database, json!({})).await;
    let stranger = Issuer::of(&issuer.url, 9);
    let now = zendo::testing::Clock::now(&*app.clock).timestamp();
    let with = |changes: Value| {
        let mut claims = good();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let body = issuer.token(&app, good()).split('.').nth(1).unwrap().to_owned();
    let none = format!("{}.{body}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#));
    for (token, part) in [
        (stranger.token(&app, good()), "signature is wrong"),
        (none, "algorithm"),
        (issuer.token(&app, with(json!({"exp": now - 31}))), "ended"),
        (issuer.token(&app, with(json!({"iat": now - 601}))), "at most 600"),
        (issuer.token(&app, with(json!({"nbf": now + 60}))), "not good yet".trim_start_matches("not ")),
        (issuer.token(&app, with(json!({"iat": null}))), "iat"),
        (issuer.token(&app, with(json!({"exp": null}))), "exp"),
        (
            issuer.token(&app, with(json!({"iss": "https://other.example"}))),
            "no trust rule is for its issuer",
        ),
        (issuer.token(&app, with(json!({"aud": "other"}))), "audience"),
        (issuer.token(&app, with(json!({"aud": []}))), "audience"),
        (issuer.token(&app, with(json!({"repository": "eve/app"}))), "no trust rule takes it"),
        (issuer.token(&app, json!({"aud": "zendo"})), "no trust rule takes it"),
        ("nonsense".to_owned(), "no signed JWT"),
        (app.signed_in().await.api_token(60).await, "is refused"),
    ] {
        let answer = exchange(&app.anonymous(), &token, &[]).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{answer:?}");
        answer.expect(400, part);
        assert!(!answer.text.contains("acme"), "it tells the rule's conditions: {answer:?}");
    }
    let refused =
        admin.get("/api/v1/audit?action=sign_in_refused&credential=subject_token").await.expect_ok();
    assert!(refused["total"].as_u64().unwrap() >= 10, "{refused}");
    let mut waited = false;
    for _ in 0..30 {
        let answer = exchange(&app.anonymous(), &stranger.token(&app, good()), &[]).await;
        waited = waited || (answer.status == 429 && answer.header("retry-after").is_some());
    }
    assert!(waited, "guesses are not slowed down");
    app.clock.advance(3600);
    exchange(&app.anonymous(), &issuer.token(&app, good()), &[]).await.expect_ok();
}

async fn a_request_that_is_none_is_refused_in_oauths_words(database: Database) {
    let (app, _admin, issuer) = set_up(&database, json!({})).await;
    let caller = app.anonymous();
    let token = issuer.token(&app, good());
    let whole = [("grant_type", EXCHANGE), ("subject_token", &token), ("subject_token_type", JWT)];
    let but = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        whole.iter().map(|(known, was)| (*known, if *known == name { value } else { *was })).collect()
    };
    let and = |name: &'static str, value: &'static str| [whole.to_vec(), vec![(name, value)]].concat();
    for (form, code) in [
        (but("grant_type", ""), "invalid_request"),
        (but("grant_type", "authorization_code"), "unsupported_grant_type"),
        (but("subject_token", ""), "invalid_request"),
        (but("subject_token_type", ""), "invalid_request"),
        (but("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"),
        (and("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"),
        (and("actor_token", "a"), "invalid_request"),
        (and("subject_token", "twice"), "invalid_request"),
    ] {
        let answer = caller.post_form("/oauth/token", &form).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!(code)), "{form:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    caller.post("/oauth/token", json!({"grant_type": EXCHANGE})).await.expect(400, "invalid_request");
    caller.get("/oauth/token").await.expect(405, "invalid_request");
    caller.post_form("/oauth/token", &and("name", "x")).await.expect_ok();
    let long = "a".repeat(70_000);
    let form = [("grant_type", EXCHANGE), ("subject_token", long.as_str()), ("subject_token_type", JWT)];
    caller.post_form("/oauth/token", &form).await.expect(413, "");
    // The grants of the sign-in are there too.
    let form = [("grant_type", "password"), ("username", "default"), ("password", crate::support::PASSWORD)];
    caller.post_form("/oauth/token", &form).await.expect(200, "access_token");
    let form = [("grant_type", "password"), ("username", "default"), ("password", "wrong")];
    caller.post_form("/oauth/token", &form).await.expect(401, "invalid_client");
}

async fn no_token_of_another_issuer_audience_repository_or_namespace_is_ever_exchanged(database: Database) {
    let (app, admin, _) = set_up(&database, json!({})).await;
    let issuers = [Issuer::of("https://one.example", 1), Issuer::of("https://two.example", 2)];
    for (place, issuer) in issuers.iter().enumerate() {
        let rule = json!({
            "name": format!("rule {place}"), "service_account": "ci", "issuer": issuer.url, "jwks": issuer.jwks(),
            "audience": "zendo",
            "conditions": {"repository": ["acme/app", "acme/lib-*"], "kubernetes.io/namespace": format!("ns{place}")},
        });
        admin.post(TRUSTS, rule).await.expect_ok();
    }
    let urls =
        ["https://one.example", "https://two.example", "https://three.example", "https://one.example/"];
    let audiences = ["zendo", "zendo2", "", "ZENDO"];
    let repositories = ["acme/app", "acme/lib-x", "acme/app2", "eve/app", "acme/lib", "Acme/app", ""];
    let namespaces = ["ns0", "ns1", "ns", "ns00"];
    let cases = (0..2usize, 0..urls.len(), 0..audiences.len(), 0..repositories.len(), 0..namespaces.len());
    let mut seen = BTreeSet::new();
    let mut runner = TestRunner::new(Cases { cases: 200, failure_persistence: None, ..Cases::default() });
    let seen_by = std::cell::RefCell::new(&mut seen);
    let outcome = runner.run(&cases, |(signer, url, audience, repository, namespace)| {
        let claims = json!({
            "iss": urls[url], "aud": audiences[audience], "repository": repositories[repository],
            "kubernetes.io": {"namespace": namespaces[namespace]},
        });
        let token = issuers[signer].token(&app, claims.clone());
        let is_meant = url == signer && audience == 0 && repository < 2 && namespace == signer;
        let status = block_in_place(|| {
            Handle::current().block_on(async { exchange(&app.anonymous(), &token, &[]).await.status })
        });
        // Failures slow down: an hour later they are forgotten.
        if status != 200 {
            app.clock.advance(3700);
        }
        seen_by.borrow_mut().insert(is_meant);
        prop_assert_eq!(status == 200, is_meant, "{} {}", status, claims);
        Ok(())
    });
    outcome.unwrap();
    // Whatever the draws were, some are good.
    for (signer, issuer) in issuers.iter().enumerate() {
        let claims = json!({"aud": "zendo", "repository": "acme/lib-1", "kubernetes.io": {"namespace": format!("ns{signer}")}});
        exchange(&app.anonymous(), &issuer.token(&app, claims), &[]).await.expect_ok();
    }
}

async fn a_client_gets_a_token_for_its_key(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (ci, cd) = (service_account(&admin, "ci").await, service_account(&admin, "cd").await);
    let key_of = async |account: &str| {
        let made =
            admin.post(&format!("/api/v1/service_accounts/{account}/api_keys"), json!({"name": "k"})).await;
        let made = made.expect_ok();
        (text(&made["body"], "key").to_owned(), text(&made, "id").to_owned())
    };
    let ((key, key_id), (other, _)) = (key_of(&ci).await, key_of(&cd).await);
    let grant = ("grant_type", "client_credentials");
    let in_form = async |id: &str, key: &str, more: &[(&str, &str)]| {
        let form = [grant, ("client_id", id), ("client_secret", key)];
        app.anonymous().post_form("/oauth/token", &[&form, more].concat()).await
    };
    let by_basic = async |id: &str, key: &str| {
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{key}")));
        app.anonymous().with("authorization", &basic).post_form("/oauth/token", &[grant]).await
    };
    let encoded = key.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for answer in [in_form("ci", &key, &[]).await, by_basic(&ci, &key).await, by_basic("ci", &encoded).await]
    {
        let answer = answer.expect_ok();
        assert_eq!((&answer["token_type"], &answer["scope"]), (&json!("Bearer"), &json!("*:write")));
        assert_eq!((&answer["expires_in"], answer.get("issued_token_type")), (&json!(3600), None));
        let holder = app.anonymous().with_token(text(&answer, "access_token"));
        assert_eq!(holder.get(CURRENT_USER).await.expect_ok()["name"], "ci");
    }
    let answer = in_form("ci", &key, &[("scope", "runs:read"), ("expires_in", "99999999")]).await.expect_ok();
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("runs:read"), &json!(604_800)));
    for answer in
        [in_form("ci", &other, &[]).await, in_form("ci", "wrong", &[]).await, in_form("eve", &key, &[]).await]
    {
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")), "{answer:?}");
    }
    let basic = by_basic("ci", &other).await;
    assert_eq!((basic.status, basic.header("www-authenticate")), (401, Some("Basic realm=\"zendo\"")));
    app.anonymous().post_form("/oauth/token", &[grant]).await.expect(401, "invalid_client");
    let twice =
        app.anonymous().with("authorization", &format!("Basic {}", STANDARD.encode(format!("ci:{key}"))));
    twice.post_form("/oauth/token", &[grant, ("client_secret", &key)]).await.expect(400, "invalid_request");

    // It ends with its key, and is in the list of tokens with what it was made from.
    let listed = admin.get(&format!("/api/v1/api_tokens?api_key_id={key_id}")).await.expect_ok();
    assert_eq!(listed["total"], 4, "{listed}");
    let holder = app.anonymous().with_token(text(&answer, "access_token"));
    holder.get("/api/v1/runs?project=default").await.expect_ok();
    admin.delete(&format!("/api/v1/service_accounts/{ci}/api_keys/k")).await.expect_ok();
    holder.get("/api/v1/runs?project=default").await.expect(401, "API key");
    in_form("ci", &key, &[]).await.expect(401, "invalid_client");
    let metadata = app.anonymous().get("/.well-known/oauth-authorization-server").await.expect_ok();
    let grants = metadata["grant_types_supported"].to_string();
    assert!(grants.contains(EXCHANGE) && grants.contains("client_credentials"), "{grants}");
    // Where people sign in with each request there are no tokens.
    let basic = TestApp::start_with(&Database::sqlite(), &[("ZENML_SERVER_AUTH_SCHEME", "HTTP_BASIC")]).await;
    basic.anonymous().post_form("/oauth/token", &[grant]).await.expect(400, "unsupported_grant_type");
}

async fn addresses_of_a_rule_are_asked_through_the_proxies(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let admin = app.signed_in().await;
    service_account(&admin, "ci").await;
    let issuer = Issuer::start(1).await;
    let rule = json!({
        "name": "train", "service_account": "ci", "issuer": issuer.url, "audience": "zendo",
        "conditions": {"repository": "acme/app"}, "addresses": ["192.0.2.0/24", "2001:db8::/32"],
    });
    admin.post(TRUSTS, rule).await.expect_ok();
    for (address, status) in [
        ("192.0.2.7", 200),
        ("2001:db8::1", 200),
        ("::ffff:192.0.2.7", 200),
        ("192.0.3.1", 403),
        ("127.0.0.1", 403),
        ("::ffff:192.0.3.1", 403),
        ("1.1.1.1, 192.0.2.1", 200),
        ("192.0.2.1, 1.1.1.1", 403),
    ] {
        let caller = app.anonymous().with("x-forwarded-for", address);
        let answer = exchange(&caller, &issuer.token(&app, good()), &[]).await;
        assert_eq!(answer.status, status, "{address} {answer:?}");
    }
}
