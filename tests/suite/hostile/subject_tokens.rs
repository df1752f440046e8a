//! Tokens of others that are not what they seem: none is exchanged, twice neither, and nobody is asked for their sake.

use serde_json::{Value, json};

use crate::support::{Caller, Database, Issuer, TestApp, exchange};
use crate::trusts::service_account;

on_each_store! {
    an_issuer_is_asked_once_a_minute_whatever_keys_are_named,
    nobody_is_asked_whom_no_rule_names,
    what_a_token_says_of_its_own_keys_is_passed_over,
    a_token_is_exchanged_once_by_replicas_and_after_a_restart,
    a_token_that_can_be_read_in_two_ways_is_refused,
    claims_mean_what_they_say_and_no_more,
    too_much_is_read_of_nobody,
}

const TRUSTS: &str = "/api/v1/trusts";
const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT","kid":"1"}"#;

/// A server with a rule for an issuer's tokens, behind a proxy that says where each request comes from: who is refused is
/// slowed down there alone.
struct Set {
    app: TestApp,
    admin: Caller,
    issuer: Issuer,
    others: std::cell::Cell<u32>,
}

impl Set {
    async fn up(database: &Database) -> Self {
        let app = start(database).await;
        let admin = app.signed_in().await;
        service_account(&admin, "ci").await;
        let issuer = Issuer::start(1).await;
        let set = Self { app, admin, issuer, others: std::cell::Cell::new(0) };
        set.trust("train", &set.issuer.url, json!({"repository": "acme/app"})).await;
        set
    }

    async fn trust(&self, name: &str, issuer: &str, conditions: Value) {
        let rule = json!({
            "name": name, "service_account": "ci", "issuer": issuer, "audience": "zendo", "conditions": conditions,
        });
        self.admin.post(TRUSTS, rule).await.expect_ok();
    }

    /// Somebody at an address of their own.
    fn somebody(&self) -> Caller {
        let number = self.others.get() + 1;
        self.others.set(number);
        at(&self.app, &format!("10.1.{}.{}", number / 250, number % 250))
    }

    async fn given(&self, token: &str) -> crate::support::Answer {
        exchange(&self.somebody(), token, &[]).await
    }

    fn claims(&self, changes: Value) -> Value {
        let mut claims = good();
        // Of somebody else each time: who is refused often is slowed down, wherever.
        claims["sub"] = json!(uuid::Uuid::new_v4());
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.issuer.claims(&self.app, claims)
    }
}

async fn start(database: &Database) -> TestApp {
    TestApp::start_with(database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1")]).await
}

fn at(app: &TestApp, address: &str) -> Caller {
    app.anonymous().with("x-forwarded-for", address)
}

fn good() -> Value {
    json!({"aud": "zendo", "repository": "acme/app"})
}

async fn an_issuer_is_asked_once_a_minute_whatever_keys_are_named(database: Database) {
    let set = Set::up(&database).await;
    set.given(&set.issuer.token(&set.app, good())).await.expect_ok();
    assert_eq!(set.issuer.asked(), 1);
    let flood = async |minute: u32| {
        let tokens: Vec<String> = (0..40)
            .map(|number| {
                let header =
                    json!({"alg": "EdDSA", "typ": "JWT", "kid": format!("{minute}-{number}")}).to_string();
                set.issuer.sign_texts(&header, &set.claims(json!({})).to_string())
            })
            .collect();
        let callers: Vec<Caller> = tokens.iter().map(|_| set.somebody()).collect();
        let all = tokens.iter().zip(&callers).map(|(token, caller)| exchange(caller, token, &[]));
        for answer in futures_util::future::join_all(all).await {
            answer.expect(400, "names the key");
        }
    };
    flood(0).await;
    // The issuer may have new keys since the first question; from then on a minute passes between two.
    assert_eq!(set.issuer.asked(), 2);
    flood(0).await;
    assert_eq!(set.issuer.asked(), 2);
    for minute in 1..4 {
        set.app.clock.advance(60);
        flood(minute).await;
        assert_eq!(set.issuer.asked(), 2 + minute as usize);
    }
    println!(
        "200 tokens of unknown keys within four minutes: the issuer was asked {} times",
        set.issuer.asked()
    );
    // Whoever has a key that is known waits for none of that.
    set.given(&set.issuer.token(&set.app, good())).await.expect_ok();
}

async fn nobody_is_asked_whom_no_rule_names(database: Database) {
    let set = Set::up(&database).await;
    let other = Issuer::start(2).await;
    for number in 0..20 {
        let claims = json!({"aud": "zendo", "repository": "acme/app", "jti": format!("{number}")});
        set.given(&other.token(&set.app, claims)).await.expect(400, "no trust rule is for its issuer");
    }
    let told =
        set.admin.post(&format!("{TRUSTS}/test"), json!({"token": other.token(&set.app, good())})).await;
    assert_eq!(told.expect_ok()["trust_id"], Value::Null);
    assert_eq!((other.asked(), set.issuer.asked()), (0, 0));
    // Nor whose rule is switched off, nor for a token that says by itself that it is over.
    set.trust("other", &other.url, json!({"repository": "acme/app"})).await;
    set.admin.put(&format!("{TRUSTS}/other"), json!({"active": false})).await.expect_ok();
    set.given(&other.token(&set.app, good())).await.expect(400, "no trust rule is for its issuer");
    set.given(&set.issuer.sign(&set.claims(json!({"exp": 1})))).await.expect(400, "ended");
    assert_eq!((other.asked(), set.issuer.asked()), (0, 0));
}

async fn what_a_token_says_of_its_own_keys_is_passed_over(database: Database) {
    let set = Set::up(&database).await;
    let (stranger, claims) = (Issuer::start(9).await, set.claims(json!({})).to_string());
    let keys = format!("{}/keys", stranger.url);
    let own = stranger.jwks()["keys"][0].clone();
    for header in [
        json!({"alg": "EdDSA", "kid": "1", "jku": keys}),
        json!({"alg": "EdDSA", "jku": keys}),
        json!({"alg": "EdDSA", "kid": "1", "x5u": keys}),
        json!({"alg": "EdDSA", "kid": "1", "x5c": ["AAAA"]}),
        json!({"alg": "EdDSA", "kid": "1", "jwk": own}),
        json!({"alg": "EdDSA", "jwk": own, "jku": keys}),
    ] {
        set.given(&stranger.sign_texts(&header.to_string(), &claims)).await.expect(400, "signature is wrong");
    }
    let header = json!({"alg": "EdDSA", "kid": "1", "jku": keys, "x5u": keys, "jwk": own}).to_string();
    set.given(&set.issuer.sign_texts(&header, &claims)).await.expect_ok();
    assert_eq!(stranger.asked(), 0);
}

async fn a_token_is_exchanged_once_by_replicas_and_after_a_restart(database: Database) {
    let set = Set::up(&database).await;
    let replica = start(&database).await;
    let mut used = Vec::new();
    for changes in [json!({}), json!({"jti": null}), json!({"jti": 7}), json!({"jti": ""})] {
        // A claim that is null isn't there.
        let mut claims = set.claims(changes.clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims["nonce"] = changes;
        let token = set.issuer.sign(&claims);
        let callers: Vec<Caller> = (0..12u32)
            .map(|number| {
                at([&set.app, &replica][number as usize % 2], &format!("10.2.{}.{number}", used.len()))
            })
            .collect();
        let answers =
            futures_util::future::join_all(callers.iter().map(|caller| exchange(caller, &token, &[]))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{claims} {answers:?}");
        used.push(token);
    }
    zendo::testing::do_each_job(&set.app.state).await.unwrap();
    set.app.stop().await;
    replica.stop().await;
    let restarted = start(&database).await;
    for (number, token) in used.iter().enumerate() {
        exchange(&at(&restarted, &format!("10.3.0.{number}")), token, &[]).await.expect(400, "used before");
    }
    // Long after that it is too old.
    restarted.clock.advance(7200);
    zendo::testing::do_each_job(&restarted.state).await.unwrap();
    assert!(database.texts("SELECT digest FROM zendo_used_subject_token").await.is_empty());
    exchange(&at(&restarted, "10.3.1.1"), &used[0], &[]).await.expect(400, "refused");
}

async fn a_token_that_can_be_read_in_two_ways_is_refused(database: Database) {
    let set = Set::up(&database).await;
    let claims = set.claims(json!({})).to_string();
    let with_header = |more: &str| HEADER.replace('}', &format!(",{more}}}"));
    for (header, part) in [
        (with_header(r#""crit":["exp"]"#), "crit"),
        (with_header(r#""crit":[]"#), "crit"),
        (with_header(r#""crit":["b64"],"b64":false"#), "crit"),
        (with_header(r#""b64":false"#), "crit"),
        (with_header(r#""alg":"EdDSA""#), "header"),
        (with_header(r#""kid":"2""#), "header"),
        (HEADER.replace("EdDSA", "none"), "algorithm"),
        (HEADER.replace("EdDSA", "HS256"), "algorithm"),
        (HEADER.replace("EdDSA", "eddsa"), "algorithm"),
        (HEADER.replace("EdDSA", "ES256"), "no key for its algorithm"),
        (HEADER.replace("JWT", "logout+jwt"), "type"),
        (HEADER.replace("JWT", "dpop+jwt"), "type"),
        (r#"["EdDSA"]"#.to_owned(), "header"),
        (r#"{"typ":"JWT"}"#.to_owned(), "header"),
    ] {
        set.given(&set.issuer.sign_texts(&header, &claims)).await.expect(400, part);
    }
    let with_claims = |more: &str| format!("{},{more}}}", claims.trim_end_matches('}'));
    for claims in [
        with_claims(r#""repository":"eve/app""#),
        with_claims(r#""repository":"acme/app""#),
        with_claims(r#""aud":"zendo""#),
        with_claims(r#""exp":99999999999"#),
        with_claims(r#""x":{"y":1,"y":2}"#),
        with_claims(r#""x":[{"y":{"z":1,"z":1}}]"#),
        "[]".to_owned(),
        "null".to_owned(),
        claims.trim_end_matches('}').to_owned(),
        format!("{claims}{claims}"),
        with_claims(&format!(r#""x":{}1{}"#, "[".repeat(5000), "]".repeat(5000))),
    ] {
        set.given(&set.issuer.sign_texts(HEADER, &claims)).await.expect(400, "claims are no JSON object");
    }
    let token = set.issuer.sign_texts(HEADER, &claims);
    let [header, body, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for token in [
        format!("{header}.{body}."),
        format!("{header}.{body}.{signature}."),
        format!("{header}.{body}.{signature}.{signature}.{signature}"),
        format!("{header}=.{body}.{signature}"),
        format!("{header}.{body}.{signature}="),
        format!("{header} .{body}.{signature}"),
        format!(".{body}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{body}.{}", "A".repeat(86)),
        set.issuer.sign_texts(HEADER, &with_claims(&format!(r#""x":"{}""#, "x".repeat(33_000)))),
    ] {
        let answer = set.given(&token).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{answer:?}");
    }
    // None of that has used it up, nor is one wrong that is only large, or says more than is known here.
    set.given(&token).await.expect_ok();
    let many: Vec<String> = (0..1500).map(|number| format!(r#""c{number}":{number}"#)).collect();
    let large = with_claims(&many.join(",")).replace("\"jti\":\"", "\"jti\":\"large");
    set.given(&set.issuer.sign_texts(&with_header(r#""cty":"JWT","zip":"DEF""#), &large)).await.expect_ok();
}

async fn claims_mean_what_they_say_and_no_more(database: Database) {
    let set = Set::up(&database).await;
    let now = set.claims(json!({}))["iat"].as_i64().unwrap();
    for changes in [
        json!({"aud": ["other", "zendo"]}),
        json!({"aud": ["zendo"]}),
        json!({"nbf": now + 30}),
        json!({"iat": now + 30}),
        json!({"iat": now - 560, "nbf": now - 560}),
        json!({"exp": now + 20}),
        json!({"exp": now as f64 + 60.5}),
        json!({"repository": ["eve/app", "acme/app"]}),
    ] {
        set.given(&set.issuer.sign(&set.claims(changes.clone()))).await.expect_ok();
    }
    for changes in [
        json!({"aud": ["other"]}),
        json!({"aud": []}),
        json!({"aud": [["zendo"]]}),
        json!({"aud": {"zendo": true}}),
        json!({"aud": null}),
        json!({"aud": "zendo "}),
        json!({"aud": "zendo,other"}),
        json!({"nbf": now + 90}),
        json!({"nbf": "now"}),
        json!({"iat": now + 90}),
        json!({"iat": now - 601}),
        json!({"iat": (now).to_string()}),
        json!({"exp": now - 30}),
        json!({"exp": -1}),
        json!({"exp": 1e300}),
        json!({"exp": [now + 60]}),
        json!({"iss": [set.issuer.url]}),
        json!({"iss": format!("{}/", set.issuer.url)}),
        json!({"iss": set.issuer.url.to_uppercase()}),
        json!({"repository": "acme/app\n"}),
        json!({"repository": "acme/app\u{0}"}),
        json!({"repository": " acme/app"}),
        json!({"repository": "ACME/app"}),
        json!({"repository": "acme/a\u{ff50}p"}),
        json!({"repository": "acme/*"}),
        json!({"repository": "*"}),
        json!({"repository": {"acme/app": 1}}),
        json!({"repository": [["acme/app"]]}),
        json!({"repository": null}),
    ] {
        let answer = set.given(&set.issuer.sign(&set.claims(changes.clone()))).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!("invalid_request")),
            "{changes} {answer:?}"
        );
    }
    // Of a text only the star is special; it stands for separators, too.
    set.trust(
        "odd",
        &set.issuer.url,
        json!({"repository": ["odd.(app)+[x]?$^|\\", "acme/*/main", "ümläut/*"]}),
    )
    .await;
    for (repository, is_taken) in [
        ("odd.(app)+[x]?$^|\\", true),
        ("odd_(app)+[x]?$^|\\", false),
        ("acme/a/b:c/main", true),
        ("acme//main", true),
        ("acme/main", false),
        ("acme-evil/x/main", false),
        ("acme/x/main/evil", false),
        ("acme/x\n/main", true),
        ("ümläut/x", true),
        ("u\u{308}mla\u{308}ut/x", false),
    ] {
        let answer = set.given(&set.issuer.sign(&set.claims(json!({"repository": repository})))).await;
        assert_eq!(answer.status == 200, is_taken, "{repository} {answer:?}");
    }
}

async fn too_much_is_read_of_nobody(database: Database) {
    let set = Set::up(&database).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
    let padded = json!({"keys": [], "padding": "x".repeat(2 << 20)});
    let router = axum::Router::new()
        .route("/.well-known/openid-configuration", axum::routing::get(async move || axum::Json(document)))
        .route("/keys", axum::routing::get(async move || axum::Json(padded)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    set.trust("large", &url, json!({"repository": "acme/app"})).await;
    let claims = set.claims(json!({"iss": url}));
    let answer = set.given(&set.issuer.sign(&claims)).await;
    answer.expect(503, "too large");
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some());
}
