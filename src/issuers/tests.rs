use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::*;

const ISSUER: &str = "https://issuer.example";
const NOW: i64 = 1_800_000_000;

/// A private key, its public part, and what both are called.
struct Pair {
    algorithm: Algorithm,
    kid: &'static str,
    key: EncodingKey,
}

impl Pair {
    fn ed25519(kid: &'static str, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let der = KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_der().unwrap();
        Self { algorithm: Algorithm::EdDSA, kid, key: EncodingKey::from_ed_der(der.as_bytes()) }
    }

    fn p256(kid: &'static str, seed: u8) -> Self {
        let key = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
        let der = EncodePrivateKey::to_pkcs8_der(&key).unwrap();
        Self { algorithm: Algorithm::ES256, kid, key: EncodingKey::from_ec_der(der.as_bytes()) }
    }

    /// One that openssl has made.
    fn p384(kid: &'static str) -> Self {
        use base64::Engine;
        const DER: &str = "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDC56+5j04EwS9Lohpgr1HlP9+KhQH5UsaXu524ehi1bwaesQrT3ETW\
            4lrj026UuhpmhZANiAAQIPe+WFMSTwafwIV8S5vrrGeEkzXTzNaKi0KqchY9iG7srEy7/k3CpuagQbS5oGaceKzt2FUTSxc6dM9onHpPcwbf4dd7A60s\
            dMIPHCZ/n38OtK+joBF0pqco2UGJcLZ0=";
        let der = base64::engine::general_purpose::STANDARD.decode(DER).unwrap();
        Self { algorithm: Algorithm::ES384, kid, key: EncodingKey::from_ec_der(&der) }
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(claims, |_| {})
    }

    fn sign_as(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.to_owned());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": ["zendo", "else"], "sub": "ada", "jti": "1", "iat": NOW - 10, "exp": NOW + 300})
}

fn with(changes: Value) -> Value {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    all
}

fn key_set(pairs: &[&Pair]) -> Arc<KeySet> {
    let keys: Vec<Value> = pairs.iter().map(|pair| pair.public()).collect();
    Arc::new(KeySet::read(json!({"keys": keys}).to_string().as_bytes()).unwrap())
}

const EXPECTED: Expected<'_> = Expected {
    issuer: ISSUER,
    audience: Some("zendo"),
    types: JWT,
    algorithms: BY_PUBLIC_KEY,
    max_age: Some(TimeDelta::minutes(10)),
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

async fn judge(keys: &Arc<KeySet>, token: &str) -> Result<Verified, Refused> {
    let issuers = Issuers::new(Outbound::anywhere());
    let read = Unverified::read(token)?;
    issuers.verify(&Source::Given(Arc::clone(keys)), &read, &EXPECTED, at(NOW)).await
}

#[tokio::test]
async fn a_token_is_good_by_each_kind_of_key_and_for_its_issuer_audience_and_time_alone() {
    let (ed, ec, other) = (Pair::ed25519("a", 1), Pair::p256("b", 2), Pair::ed25519("a", 3));
    let keys = key_set(&[&ed, &ec]);
    for pair in [&ed, &ec] {
        assert_eq!(judge(&keys, &pair.sign(&claims())).await.unwrap().subject(), Some("ada"));
    }
    let untyped = ed.sign_as(&claims(), |header| header.typ = None);
    let unnamed = ec.sign_as(&claims(), |header| header.kid = None);
    assert!(judge(&keys, &untyped).await.is_ok() && judge(&keys, &unnamed).await.is_ok());
    for changes in [
        json!({"iss": "https://issuer.example/"}),
        json!({"iss": null}),
        json!({"iss": [ISSUER]}),
        json!({"aud": "other"}),
        json!({"aud": ["zend", "zendo2"]}),
        json!({"aud": {"zendo": 1}}),
        json!({"aud": null}),
        json!({"exp": null}),
        json!({"exp": NOW - 30}),
        json!({"exp": "never"}),
        json!({"exp": 1e300}),
        json!({"iat": null}),
        json!({"iat": NOW - 601}),
        json!({"iat": NOW + 31}),
        json!({"nbf": NOW + 31}),
        json!({"nbf": "now"}),
    ] {
        assert!(judge(&keys, &ed.sign(&with(changes.clone()))).await.is_err(), "{changes}");
    }
    for changes in
        [json!({"iat": NOW - 600}), json!({"exp": NOW - 29}), json!({"nbf": NOW + 30, "aud": "zendo"})]
    {
        assert!(judge(&keys, &ed.sign(&with(changes.clone()))).await.is_ok(), "{changes}");
    }
    assert_eq!(judge(&keys, &other.sign(&claims())).await.unwrap_err(), Refused::Signature);
    let of_other_key = ed.sign_as(&claims(), |header| header.kid = Some("b".to_owned()));
    assert_eq!(judge(&keys, &of_other_key).await.unwrap_err(), Refused::NoKey);
    let logout = ed.sign_as(&claims(), |header| header.typ = Some("logout+jwt".to_owned()));
    assert!(matches!(judge(&keys, &logout).await.unwrap_err(), Refused::Type(_)));
    let critical = ed.sign_as(&claims(), |header| header.crit = Some(vec!["exp".to_owned()]));
    assert_eq!(judge(&keys, &critical).await.unwrap_err(), Refused::Critical);
}

#[tokio::test]
async fn each_algorithm_that_is_taken_is_good_with_a_key_for_it_alone() {
    use rsa::pkcs1::EncodeRsaPrivateKey;
    let rsa = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap().to_pkcs1_der().unwrap();
    let of_rsa = |algorithm| Pair { algorithm, kid: "rsa", key: EncodingKey::from_rsa_der(rsa.as_bytes()) };
    let mut pairs = vec![Pair::ed25519("ed", 1), Pair::p256("p256", 2), Pair::p384("p384")];
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    pairs.extend([RS256, RS384, RS512, PS256, PS384, PS512].map(of_rsa));
    assert_eq!(pairs.len(), BY_PUBLIC_KEY.len());
    for pair in &pairs {
        for other in &pairs {
            let token = pair.sign_as(&claims(), |header| header.kid = None);
            let judged = judge(&key_set(&[other]), &token).await;
            let (its, anothers) = (pair.algorithm, other.algorithm);
            assert_eq!(judged.is_ok(), its == anothers, "{its:?} by a key for {anothers:?}");
        }
    }
}

#[tokio::test]
async fn no_token_says_itself_how_it_is_checked() {
    let ed = Pair::ed25519("a", 1);
    let keys = key_set(&[&ed]);
    let good = ed.sign(&claims());
    let [_, body, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let header = |header: Value| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header.to_string())
    };
    // With the public key's text as the secret of HMAC, as an old library would take it.
    let public = ed.public()["x"].as_str().unwrap().to_owned();
    let mut as_secret = Header::new(Algorithm::HS256);
    as_secret.kid = Some("a".to_owned());
    let secrets = [public.clone().into_bytes(), ed.public().to_string().into_bytes()];
    for secret in &secrets {
        let confused =
            jsonwebtoken::encode(&as_secret, &claims(), &EncodingKey::from_secret(secret)).unwrap();
        assert!(matches!(judge(&keys, &confused).await.unwrap_err(), Refused::Algorithm(_)));
    }
    for alg in ["none", "None", "", "HS256", "ES256K", "RSA1_5"] {
        for signature in ["", signature] {
            let forged = format!("{}.{body}.{signature}", header(json!({"alg": alg, "kid": "a"})));
            assert!(matches!(judge(&keys, &forged).await.unwrap_err(), Refused::Algorithm(_)), "{alg}");
        }
    }
    for forged in [
        format!("{}.{body}.{signature}", header(json!({"alg": "ES256", "kid": "a"}))),
        format!("{}.{body}.{signature}", header(json!({"alg": "EdDSA", "kid": "a", "jwk": ed.public()}))),
        format!("{}.{body}.", header(json!({"alg": "EdDSA", "kid": "a"}))),
        format!("{body}.{signature}"),
        body.to_owned(),
        String::new(),
        "..".to_owned(),
        "a".repeat(40_000),
    ] {
        assert!(judge(&keys, &forged).await.is_err(), "{forged:.80}");
    }
}

#[test]
fn a_set_has_public_keys_for_signatures_that_can_be_trusted() {
    let (ed, ec) = (Pair::ed25519("a", 1).public(), Pair::p256("b", 2).public());
    let read = |keys: Value| KeySet::read(json!({"keys": keys}).to_string().as_bytes()).map(drop);
    let but = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    assert_eq!(read(json!([ed, {"kty": "new", "kid": 7}, ec])), Ok(()));
    assert_eq!(read(json!([but(&ed, "alg", "Ed25519".into())])), Ok(()));
    assert_eq!(read(json!([{"kty": "oct", "k": "c2VjcmV0"}, ed])), Err(NoKeySet::Private));
    assert_eq!(read(json!([but(&ed, "d", "AAAA".into())])), Err(NoKeySet::Private));
    let short = json!({"kty": "RSA", "n": "u".repeat(170), "e": "AQAB"});
    let one = json!({"kty": "RSA", "n": "u".repeat(342), "e": "AQ"});
    let unusable = [
        but(&ed, "use", "enc".into()),
        but(&ed, "key_ops", json!(["sign"])),
        but(&ed, "alg", "ES256".into()),
        but(&ed, "crv", "X25519".into()),
        but(&ed, "x", "AAAA".into()),
        but(&ec, "y", "AAAA".into()),
        but(&ec, "crv", "P-521".into()),
        short,
        one,
    ];
    for key in unusable {
        assert_eq!(read(json!([key])), Err(NoKeySet::NoneUsable), "{key}");
    }
    assert_eq!(read(json!([])), Err(NoKeySet::NoneUsable));
    assert_eq!(read(json!(vec![ed; 101])), Err(NoKeySet::TooMany));
    assert_eq!(KeySet::read(b"{}").map(drop), Err(NoKeySet::Unreadable));
}

#[test]
fn an_issuer_is_reached_safely_or_not_at_all() {
    for good in
        ["https://a.example", "https://a.example:8443/b/c", "http://127.0.0.1:80/x", "http://localhost:3"]
    {
        assert!(issuer_url(good).is_ok(), "{good}");
    }
    for bad in [
        "http://a.example",
        "http://localhost.example",
        "ftp://a.example",
        "https://",
        "https://a.example?x",
        "https://a.example#x",
        "https://ada@a.example",
        "https://a.example/ b",
        " https://a.example",
        "https:\\\\a.example",
        "a.example",
        "",
    ] {
        assert_eq!(issuer_url(bad), Err(IssuerError::Url), "{bad}");
    }
}

/// An issuer on this machine, and how often it was asked for its keys.
struct Running {
    issuer: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
}

type Shared = (String, Arc<Mutex<Value>>, Arc<AtomicUsize>);

impl Running {
    async fn start(says: impl Fn(&str) -> Value + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (keys, asked) = (Arc::new(Mutex::new(Value::Null)), Arc::new(AtomicUsize::new(0)));
        let shared: Shared = (issuer.clone(), Arc::clone(&keys), Arc::clone(&asked));
        let document = async move |State((issuer, ..)): State<Shared>| Json(says(&issuer));
        let given = async |State((_, keys, asked)): State<Shared>| {
            asked.fetch_add(1, Ordering::SeqCst);
            Json(keys.lock().unwrap().clone())
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/keys", get(given))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, keys, asked }
    }

    async fn usual() -> Self {
        Self::start(|issuer| json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")})).await
    }

    fn has(&self, pairs: &[&Pair]) {
        let keys: Vec<Value> = pairs.iter().map(|pair| pair.public()).collect();
        *self.keys.lock().unwrap() = json!({"keys": keys});
    }

    async fn judge(&self, issuers: &Issuers, pair: &Pair, now: i64) -> Result<Verified, Refused> {
        let token = pair.sign(&with(json!({"iss": self.issuer, "iat": now, "exp": now + 60})));
        let expected = Expected { issuer: &self.issuer, ..EXPECTED };
        issuers.verify(&Source::Discovery, &Unverified::read(&token)?, &expected, at(now)).await
    }
}

#[tokio::test]
async fn keys_are_remembered_and_looked_up_again_once_a_minute_for_one_that_is_not_there() {
    let running = Running::usual().await;
    let (first, second, third) = (Pair::ed25519("1", 1), Pair::ed25519("2", 2), Pair::ed25519("3", 3));
    running.has(&[&first]);
    let issuers = Issuers::new(Outbound::anywhere());
    for _ in 0..3 {
        assert!(running.judge(&issuers, &first, NOW).await.is_ok());
    }
    assert_eq!(running.asked.load(Ordering::SeqCst), 1);
    // The issuer gets another key.
    running.has(&[&first, &second]);
    assert!(running.judge(&issuers, &second, NOW + 1).await.is_ok());
    running.has(&[&first, &second, &third]);
    let unknown = Refused::UnknownKey("3".to_owned());
    for _ in 0..3 {
        assert_eq!(running.judge(&issuers, &third, NOW + 60).await.unwrap_err(), unknown);
    }
    assert_eq!(running.asked.load(Ordering::SeqCst), 2);
    assert!(running.judge(&issuers, &third, NOW + 61).await.is_ok());
    assert_eq!(running.asked.load(Ordering::SeqCst), 3);
    // One that it has withdrawn ends within a quarter of an hour.
    running.has(&[&second]);
    assert!(running.judge(&issuers, &first, NOW + 900).await.is_ok());
    assert!(running.judge(&issuers, &first, NOW + 961).await.is_err());
}

#[tokio::test]
async fn an_issuer_that_is_away_is_asked_seldom_and_its_keys_go_on_for_a_while() {
    let running = Running::usual().await;
    let pair = Pair::ed25519("1", 1);
    let issuers = Issuers::new(Outbound::anywhere());
    let many = (0..20).map(|_| running.judge(&issuers, &pair, NOW));
    for judged in futures_util::future::join_all(many).await {
        assert!(matches!(judged.unwrap_err(), Refused::Issuers(IssuerError::Keys(_))));
    }
    assert_eq!(running.asked.load(Ordering::SeqCst), 1);
    running.has(&[&pair]);
    assert!(running.judge(&issuers, &pair, NOW + 9).await.is_err());
    assert!(running.judge(&issuers, &pair, NOW + 10).await.is_ok());
    *running.keys.lock().unwrap() = Value::Null;
    assert!(running.judge(&issuers, &pair, NOW + 10 + 6 * 3600 - 1).await.is_ok());
    assert!(running.judge(&issuers, &pair, NOW + 10 + 6 * 3600).await.is_err());
}

#[tokio::test]
async fn a_document_speaks_for_its_own_issuer_and_names_keys_that_are_reached_safely() {
    type Says = fn(&str) -> Value;
    let cases: [Says; 5] = [
        |issuer| json!({"issuer": format!("{issuer}/"), "jwks_uri": format!("{issuer}/keys")}),
        |issuer| json!({"issuer": "https://other.example", "jwks_uri": format!("{issuer}/keys")}),
        |issuer| json!({"issuer": issuer, "jwks_uri": "http://other.example/keys"}),
        |issuer| json!({"issuer": issuer, "jwks_uri": "file:///etc/passwd"}),
        |issuer| json!({"issuer": issuer}),
    ];
    for says in cases {
        let running = Running::start(says).await;
        let pair = Pair::ed25519("1", 1);
        running.has(&[&pair]);
        let issuers = Issuers::new(Outbound::anywhere());
        assert!(running.judge(&issuers, &pair, NOW).await.is_err());
        assert_eq!(running.asked.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn an_issuer_leads_nowhere_else() {
    let (elsewhere, pair) = (Running::usual().await, Pair::ed25519("1", 1));
    elsewhere.has(&[&pair]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let place = format!("{}/.well-known/openid-configuration", elsewhere.issuer);
    let redirect = get(async move || axum::response::Redirect::temporary(&place));
    let router = Router::new().route("/.well-known/openid-configuration", redirect);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let token = pair.sign(&with(json!({"iss": issuer})));
    let expected = Expected { issuer: &issuer, ..EXPECTED };
    let issuers = Issuers::new(Outbound::anywhere());
    let judged =
        issuers.verify(&Source::Discovery, &Unverified::read(&token).unwrap(), &expected, at(NOW)).await;
    assert_eq!(judged.unwrap_err(), IssuerError::Status("127.0.0.1".to_owned(), 307).into());
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_copy_of_a_token_is_the_same_token_however_it_is_written() {
    let (ed, ec) = (Pair::ed25519("a", 1), Pair::p256("b", 2));
    let print = |token: &str| Unverified::read(token).unwrap().verified().fingerprint;
    let unnamed = with(json!({"jti": null}));
    assert_eq!(print(&ed.sign(&claims())), print(&ec.sign(&claims())));
    let token = ed.sign(&unnamed);
    assert_eq!(print(&token), print(&format!("{}.AAAA", token.rsplit_once('.').unwrap().0)));
    assert_ne!(print(&token), print(&ed.sign(&with(json!({"jti": null, "sub": "eve"})))));
    assert_ne!(print(&ed.sign(&claims())), print(&ed.sign(&with(json!({"jti": "2"})))));
    assert_ne!(
        print(&ed.sign(&claims())),
        print(&ed.sign(&with(json!({"iss": format!("{ISSUER}1"), "jti": ""}))))
    );
}
