//! Somebody who issues tokens of their own: a key, and a page that says where its public part is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use zendo::testing::Clock;

use super::{Caller, TestApp};

/// Signs with a key that is made of a number.
pub struct Issuer {
    pub url: String,
    key: EncodingKey,
    /// How often its keys were asked for.
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    /// One that is asked for its keys, on this machine.
    pub async fn start(seed: u8) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self::of(&format!("http://{}", listener.local_addr().unwrap()), seed);
        let document = json!({"issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url)});
        let (keys, asked) = (issuer.jwks(), Arc::clone(&issuer.asked));
        let keys = async move || {
            asked.fetch_add(1, Ordering::SeqCst);
            Json(keys)
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(document)))
            .route("/keys", get(keys));
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// One that nobody reaches.
    pub fn of(url: &str, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let der = KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_der().unwrap();
        Self { url: url.to_owned(), key: EncodingKey::from_ed_der(der.as_bytes()), asked: Arc::default() }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn jwks(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some("1".to_owned());
        json!({"keys": [jwk]})
    }

    /// Signs claims as they are.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("1".to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }

    /// Signs texts as they are.
    pub fn sign_texts(&self, header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|text| URL_SAFE_NO_PAD.encode(text));
        let message = format!("{header}.{claims}");
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    }

    /// A token of this moment with these claims, for that server unless they say otherwise.
    pub fn token(&self, app: &TestApp, claims: Value) -> String {
        self.sign(&self.claims(app, claims))
    }

    /// What such a token says.
    pub fn claims(&self, app: &TestApp, claims: Value) -> Value {
        let now = Arc::clone(&app.clock).now().timestamp();
        let id = uuid::Uuid::new_v4().to_string();
        let mut all =
            json!({"iss": self.url, "sub": "job", "jti": id, "iat": now, "nbf": now, "exp": now + 300});
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    }
}

/// The form of an exchange.
pub const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Asks for a token in exchange for another one, with more of the form.
pub async fn exchange(caller: &Caller, token: &str, more: &[(&str, &str)]) -> super::Answer {
    let form = [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", JWT)];
    caller.post_form("/oauth/token", &[&form, more].concat()).await
}
