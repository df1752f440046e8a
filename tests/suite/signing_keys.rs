//! Tokens signed with a key of the store: anybody can verify them, keys are rotated while tokens live on, and a retired
//! key is good for nothing anywhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use zendo::testing::Origin;
use zendo::testing::SigningAlgorithm;

use crate::support::{Database, Program, TestApp, wait_until};

const CURRENT_USER: &str = "/api/v1/current-user";
const JWKS: &str = "/.well-known/jwks.json";
const EDDSA: (&str, &str) = ("ZENDO_SIGNING_ALGORITHM", "EdDSA");
/// What is to be so within a second, with room for a busy machine.
const SOON: std::time::Duration = std::time::Duration::from_secs(5);

on_each_store! {
    anybody_verifies_what_each_algorithm_signs,
    tokens_outlive_a_change_of_the_algorithm,
    rotation_overlaps_on_every_replica,
    a_key_that_a_replica_has_not_read_yet_is_looked_up,
    no_header_chooses_what_a_token_is_checked_with,
    the_signing_key_is_retired_in_favour_of_the_next,
    servers_that_start_at_once_make_one_key,
    a_lost_key_is_replaced,
    private_parts_are_kept_encrypted,
    keys_are_listed,
}

fn zendo_keys(database: &Database, args: &[&str]) -> Program {
    Program::new(&[&["keys"], args].concat()).on(database).with(EDDSA.0, EDDSA.1)
}

/// What it printed, when all went well.
async fn done(program: Program) -> String {
    let finished = program.run().await;
    finished.expect(0, &[]);
    finished.stdout
}

async fn listed(database: &Database) -> Vec<Value> {
    let json = done(zendo_keys(database, &["list", "--output", "json"])).await;
    serde_json::from_str::<Value>(&json).unwrap().as_array().unwrap().clone()
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

async fn published(app: &TestApp) -> Vec<String> {
    let keys = app.anonymous().get(JWKS).await.expect_ok()["keys"].clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn is_good(app: &TestApp, token: &str) -> bool {
    app.anonymous().with_token(token).get(CURRENT_USER).await.status == 200
}

async fn anybody_verifies_what_each_algorithm_signs(database: Database) {
    let members = |algorithm: &str| match algorithm {
        "EdDSA" => vec!["alg", "crv", "kid", "kty", "use", "x"],
        "ES256" => vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
        _ => vec!["alg", "e", "kid", "kty", "n", "use"],
    };
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let app = TestApp::start_with(&database, &[("ZENDO_SIGNING_ALGORITHM", algorithm)]).await;
        let token = app.signed_in().await.api_token(60).await;
        assert_eq!(part(&token, 0)["alg"], algorithm);
        assert!(is_good(&app, &token).await);

        let answer = app.anonymous().get(JWKS).await;
        assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
        assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
        let document = answer.expect_ok();
        let public =
            document["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid(&token)).unwrap();
        // Nothing private is among them.
        assert_eq!(public.as_object().unwrap().keys().collect::<Vec<_>>(), members(algorithm));
        assert_eq!((&public["alg"], &public["use"]), (&json!(algorithm), &json!("sig")));
        let set: JwkSet = serde_json::from_value(document.clone()).unwrap();
        let key = DecodingKey::from_jwk(set.find(&kid(&token)).unwrap()).unwrap();
        let mut validation = Validation::new(algorithm.parse().unwrap());
        validation.set_audience(&[part(&token, 1)["aud"].as_str().unwrap()]);
        let verified = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
        assert_eq!(verified.claims, part(&token, 1));
        app.stop().await;
    }
    // A server that signs with its secret publishes the keys whose tokens it takes, and no secret.
    let app = TestApp::start(&database).await;
    let keys = app.anonymous().get(JWKS).await.expect_ok()["keys"].clone();
    let kinds: Vec<&str> = keys.as_array().unwrap().iter().map(|key| key["kty"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["OKP", "EC", "RSA"]);
    assert_eq!(part(&app.signed_in().await.api_token(60).await, 0), json!({"typ": "JWT", "alg": "HS256"}));
}

async fn tokens_outlive_a_change_of_the_algorithm(database: Database) {
    let mut tokens = Vec::new();
    for algorithm in ["", "EdDSA", "ES256", ""] {
        let app = TestApp::start_with(&database, &[("ZENDO_SIGNING_ALGORITHM", algorithm)]).await;
        tokens.push(app.signed_in().await.api_token(600).await);
        for token in &tokens {
            assert!(is_good(&app, token).await, "{:?} under {algorithm:?}", part(token, 0));
        }
        app.stop().await;
    }
}

async fn rotation_overlaps_on_every_replica(database: Database) {
    let apps =
        [TestApp::start_with(&database, &[EDDSA]).await, TestApp::start_with(&database, &[EDDSA]).await];
    let old = apps[0].signed_in().await.api_token(600).await;
    let said = done(zendo_keys(&database, &["rotate", "--in", "1000"])).await;
    let state = async |state: &str| listed(&database).await.into_iter().find(|key| key["state"] == state);
    let next = state("next").await.unwrap()["kid"].as_str().unwrap().to_owned();
    assert!(said.contains(&next) && state("active").await.unwrap()["kid"] == kid(&old), "{said}");

    for app in &apps {
        wait_until("the new key is published", SOON, async || published(app).await.contains(&next)).await;
        // It is not used before its time.
        assert_eq!(kid(&app.signed_in().await.api_token(600).await), kid(&old));
        app.clock.advance(1001);
    }
    let new = apps[0].signed_in().await.api_token(6000).await;
    assert_eq!(kid(&new), next);
    let lasting = apps[1].signed_in().await;
    for app in &apps {
        assert!(is_good(app, &new).await);
        // The old one lives to its end, which has come meanwhile; one made by the old key's login is over too.
        assert!(!is_good(app, &old).await);
    }
    // The key from before goes, and what it has signed; what the new one signs stays.
    done(zendo_keys(&database, &["retire", &kid(&old)])).await;
    for app in &apps {
        wait_until("the old key is gone", SOON, async || published(app).await == [next.clone()]).await;
        assert!(is_good(app, &new).await);
    }
    lasting.get(CURRENT_USER).await.expect_ok();
}

async fn a_key_that_a_replica_has_not_read_yet_is_looked_up(database: Database) {
    let one = TestApp::start_with(&database, &[EDDSA]).await;
    // Tokens of keys are taken by a server that signs with its secret, too.
    let others = [TestApp::start_with(&database, &[EDDSA]).await, TestApp::start(&database).await];
    let admin = one.signed_in().await;
    for _ in 0..20 {
        let keys = &one.state.auth.signing_keys;
        let now = one.state.env.clock.now();
        let by = (&*one.state.audit, &Origin::operator());
        let key = keys.rotate(SigningAlgorithm::EdDSA, TimeDelta::zero(), by, now).await.unwrap();
        keys.refresh(now).await.unwrap();
        let token = admin.api_token(60).await;
        assert_eq!(kid(&token), key.kid.to_string());
        for other in &others {
            other.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
        }
    }
    // What no replica has made is refused, however often it is tried.
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(uuid::Uuid::from_u128(7).to_string());
    let token = admin.api_token(60).await;
    let forged =
        [&URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap()), token.split_once('.').unwrap().1];
    let forged = one.anonymous().with_token(&forged.join("."));
    let answers = (0..50).map(|_| forged.get(CURRENT_USER));
    for answer in futures_util::future::join_all(answers).await {
        answer.expect(401, "The key it names is not known");
    }
}

async fn no_header_chooses_what_a_token_is_checked_with(database: Database) {
    const SECRET: &str = "a secret that the operator has set";
    let variables = [EDDSA, ("ZENML_SERVER_JWT_SECRET_KEY", SECRET)];
    let app = TestApp::start_with(&database, &variables).await;
    let (by, now) = ((&*app.state.audit, &Origin::operator()), app.state.env.clock.now());
    app.state.auth.signing_keys.rotate(SigningAlgorithm::ES256, TimeDelta::zero(), by, now).await.unwrap();
    let good = app.signed_in().await.api_token(600).await;
    let document = app.anonymous().get(JWKS).await.expect_ok();
    let claims = part(&good, 1);
    let public = URL_SAFE_NO_PAD.decode(document["keys"][0]["x"].as_str().unwrap()).unwrap();
    let signed = |algorithm, kid: Option<String>, key: &EncodingKey| {
        let mut header = Header::new(algorithm);
        header.kid = kid;
        jsonwebtoken::encode(&header, &claims, key).unwrap()
    };
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let (_, rest) = good.split_once('.').unwrap();
    let with_header = |header: Value| format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let own = Some(kid(&good));
    let es256 = app.anonymous().get(JWKS).await.expect_ok()["keys"][1]["kid"].clone();
    assert!(is_good(&app, &good).await && is_good(&app, &signed(Algorithm::HS256, None, &secret)).await);
    for (what, forged) in [
        (
            "no signature",
            format!("{}.", with_header(json!({"alg": "none", "kid": own})).rsplit_once('.').unwrap().0),
        ),
        ("none, and a signature", with_header(json!({"alg": "none", "typ": "JWT"}))),
        (
            "the public key as a secret",
            signed(Algorithm::HS256, own.clone(), &EncodingKey::from_secret(&public)),
        ),
        ("the same without kid", signed(Algorithm::HS256, None, &EncodingKey::from_secret(&public))),
        ("the secret for a key", signed(Algorithm::HS256, own.clone(), &secret)),
        ("another length of HMAC", signed(Algorithm::HS512, None, &secret)),
        ("a key without its kid", with_header(json!({"alg": "EdDSA", "typ": "JWT"}))),
        ("another key's kid", with_header(json!({"alg": "EdDSA", "kid": es256}))),
        ("another key's algorithm", with_header(json!({"alg": "ES256", "kid": own}))),
        ("a key that it brings along", with_header(json!({"alg": "EdDSA", "jwk": document["keys"][0]}))),
        ("a kid that is none", with_header(json!({"alg": "EdDSA", "kid": "../../etc/passwd"}))),
    ] {
        let answer = app.anonymous().with_token(&forged).get(CURRENT_USER).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
}

async fn the_signing_key_is_retired_in_favour_of_the_next(database: Database) {
    let app = TestApp::start_with(&database, &[EDDSA]).await;
    let admin = app.signed_in().await;
    let token = admin.api_token(600).await;
    assert!(is_good(&app, &token).await);
    let active = kid(&token);
    zendo_keys(&database, &["retire", &active])
        .run()
        .await
        .expect(1, &["make another one first", "keys rotate"]);
    zendo_keys(&database, &["retire", &uuid::Uuid::nil().to_string()])
        .run()
        .await
        .expect(1, &["no signing key"]);
    assert!(is_good(&app, &token).await);

    done(zendo_keys(&database, &["rotate", "--in", "1000"])).await;
    let said = done(zendo_keys(&database, &["retire", &active])).await;
    let next = listed(&database).await[1]["kid"].as_str().unwrap().to_owned();
    assert!(said.contains(&active) && said.contains(&next), "{said}");
    // A token that was verified a moment ago is refused like any other.
    wait_until("the old key's tokens are refused", SOON, async || !is_good(&app, &token).await).await;
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect(401, "is retired");
    assert_eq!(kid(&app.signed_in().await.api_token(60).await), next);
    assert!(done(zendo_keys(&database, &["retire", &active])).await.contains("already"));
    let kept = database.texts("SELECT kid FROM zendo_signing_key WHERE private_key IS NOT NULL").await;
    assert_eq!(kept, [next.replace('-', "")], "what is retired can sign for nobody");
    app.stop().await;
    let app = TestApp::start_with(&database, &[EDDSA]).await;
    assert!(!is_good(&app, &token).await);
}

async fn servers_that_start_at_once_make_one_key(database: Database) {
    TestApp::start(&database).await.stop().await;
    let variables = [EDDSA];
    let starts = (0..4).map(|_| TestApp::start_with(&database, &variables));
    let apps = futures_util::future::join_all(starts).await;
    let token = apps[0].signed_in().await.api_token(60).await;
    for app in &apps {
        assert!(is_good(app, &token).await);
        assert_eq!(kid(&app.signed_in().await.api_token(60).await), kid(&token));
    }
    assert_eq!(listed(&database).await.len(), 1);
}

/// As after a restore from before the first key.
async fn a_lost_key_is_replaced(database: Database) {
    let app = TestApp::start_with(&database, &[EDDSA]).await;
    let token = app.signed_in().await.api_token(60).await;
    database.execute("DELETE FROM zendo_signing_key").await;
    wait_until("there is another key", SOON, async || {
        published(&app).await.iter().any(|key| *key != kid(&token))
    })
    .await;
    assert!(!is_good(&app, &token).await);
    app.signed_in().await.get(CURRENT_USER).await.expect_ok();
}

async fn private_parts_are_kept_encrypted(database: Database) {
    let key = |key| ("ZENML_SECRETS_STORE_ENCRYPTION_KEY", key);
    let stored =
        async || database.texts("SELECT private_key FROM zendo_signing_key ORDER BY created_ms").await;
    let app = TestApp::start_with(&database, &[EDDSA]).await;
    let first = app.signed_in().await.api_token(600).await;
    app.stop().await;
    assert!(stored().await[0].starts_with("base64:"));

    // A server that has got a key since goes on with what was kept without one.
    let app = TestApp::start_with(&database, &[EDDSA, key("sesame")]).await;
    assert_eq!(kid(&app.signed_in().await.api_token(60).await), kid(&first));
    done(
        zendo_keys(&database, &["rotate", "--in", "0"]).with("ZENML_SECRETS_STORE_ENCRYPTION_KEY", "sesame"),
    )
    .await;
    wait_until("the new key signs", SOON, async || {
        kid(&app.signed_in().await.api_token(60).await) != kid(&first)
    })
    .await;
    assert!(stored().await[1].starts_with("aes-gcm:"));
    app.stop().await;

    // The one from before would still be there to sign with.
    done(zendo_keys(&database, &["retire", &kid(&first)])).await;
    for wrong in ["", "other"] {
        let server = Program::server().on(&database).with(EDDSA.0, EDDSA.1);
        let finished = server.with("ZENML_SECRETS_STORE_ENCRYPTION_KEY", wrong).run().await;
        finished.expect(1, &["ZENML_SECRETS_STORE_ENCRYPTION_KEY"]);
    }
}

async fn keys_are_listed(database: Database) {
    let app = TestApp::start_with(&database, &[EDDSA]).await;
    let first = kid(&app.signed_in().await.api_token(60).await);
    done(zendo_keys(&database, &["rotate", "--in", "0"])).await;
    done(zendo_keys(&database, &["rotate", "--in", "0"])).await;
    done(zendo_keys(&database, &["retire", &first])).await;
    done(zendo_keys(&database, &["rotate", "--in", "600"])).await;
    let table = done(zendo_keys(&database, &["list"])).await;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let states: Vec<&str> = rows[1..].iter().map(|row| row[2]).collect();
    assert_eq!(states, ["retired", "retiring", "active", "next"], "{table}");
    assert!(rows[1][0] == first && rows[1][1] == "EdDSA", "{table}");

    // What needs an algorithm says so; what doesn't works.
    let unset = |args: &[&str]| Program::new(&[&["keys"], args].concat()).on(&database);
    unset(&["rotate"]).run().await.expect(2, &["ZENDO_SIGNING_ALGORITHM", "EdDSA, ES256 or RS256"]);
    unset(&["list"]).run().await.expect(0, &["ZENDO_SIGNING_ALGORITHM is not set"]);
    zendo_keys(&database, &["retire", "first"]).run().await.expect(2, &["KID"]);
}
