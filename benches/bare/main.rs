//! The least a token server can do: verify a token and sign the next one, with axum and nothing around it.
//! It stands in for zendo's routes in `benches/load`; on its first line it says where it listens, on its
//! second which token it takes.

#![allow(clippy::disallowed_methods, reason = "it is the least there can be")]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use uuid::Uuid;

const ISSUER: &str = "c911dc70-0fee-4a22-b633-f527acf963a6";
const LIFETIME: u64 = 3600;
/// As long as what zendo answers about its first user.
const USER: &str = r#"{"body":{"created":"2026-11-24T21:24:32.731874","updated":"2026-11-24T21:24:32.731874","active":true,"activation_token":null,"full_name":"","email_opted_in":null,"is_service_account":false,"is_admin":true,"default_project_id":null,"avatar_url":null},"metadata":{"password_changed_at":"2026-11-24T21:24:32.731874","email":null,"external_user_id":null,"user_metadata":{},"oidc_claims":{}},"resources":null,"id":"6620ce7f-0e68-4400-9b0a-dd389bd3a148","permission_denied":false,"name":"default"}"#;

/// What zendo's tokens say.
#[derive(Serialize, Deserialize)]
struct Claims {
    sub: Uuid,
    iss: String,
    aud: String,
    iat: f64,
    exp: u64,
    jti: Uuid,
    token_type: String,
}

struct Tokens {
    header: Header,
    validation: Validation,
    encoding_key: EncodingKey,
    decoding_key: DecodingKey,
}

impl Tokens {
    fn new() -> Self {
        // As long as the secret that zendo makes: 64 bytes in base64url.
        let secret = ["0123456789abcdef"; 6].concat()[..86].to_owned();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["sub", "iss", "aud", "exp"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        Self {
            header: Header::new(Algorithm::HS256),
            validation,
            encoding_key: EncodingKey::from_secret(secret.as_bytes()),
            decoding_key: DecodingKey::from_secret(secret.as_bytes()),
        }
    }

    fn sign(&self, sub: Uuid) -> Result<String, StatusCode> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = Claims {
            sub,
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            iat: now.as_micros() as f64 / 1e6,
            exp: now.as_secs() + LIFETIME,
            jti: Uuid::new_v4(),
            token_type: "generic".to_owned(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding_key)
            .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn verify(&self, headers: &HeaderMap) -> Result<Claims, StatusCode> {
        headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .and_then(|token| jsonwebtoken::decode(token, &self.decoding_key, &self.validation).ok())
            .map(|data| data.claims)
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}

async fn api_token(
    State(tokens): State<Arc<Tokens>>,
    headers: HeaderMap,
) -> Result<Json<String>, StatusCode> {
    let claims = tokens.verify(&headers)?;
    tokens.sign(claims.sub).map(Json)
}

async fn current_user(
    State(tokens): State<Arc<Tokens>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, StatusCode> {
    tokens.verify(&headers)?;
    Ok(([(CONTENT_TYPE, "application/json")], USER))
}

async fn serve() -> std::io::Result<()> {
    let tokens = Tokens::new();
    let first = tokens.sign(Uuid::new_v4()).map_err(|_| std::io::ErrorKind::Other)?;
    let router = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/api/v1/api_token", get(api_token))
        .route("/api/v1/current-user", get(current_user))
        .with_state(Arc::new(tokens));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}\n{first}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // As zendo does; without it the answers only come later.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve())
}
