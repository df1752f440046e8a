//! What programs look up before anything else: the public keys (RFC 7517), and what is where (RFC 8414).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::refusals;
use crate::app::{App, AppState, Auth};
use crate::config::AuthScheme;
use crate::framework::routes::Routes;

const JWKS: &str = "/.well-known/jwks.json";
const METADATA: &str = "/.well-known/oauth-authorization-server";
/// For so long a program may go by what it has read. Between it and the server nobody keeps anything, so that a program
/// which meets a new key reads the newest ones (OpenID Connect Core, section 10.1.1).
const KEPT: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "private, max-age=60")];

pub fn open() -> Routes {
    Routes::new().get(JWKS, get_jwks).get(METADATA, get_metadata).map_router(with_refusals)
}

/// What is where, for programs that know only the host: a path goes after the well-known one (RFC 8414, section 3.1).
pub fn at_host(root: &str) -> Router<AppState> {
    with_refusals(Router::new().route(&format!("{METADATA}{root}"), get(get_metadata)))
}

fn with_refusals(router: Router<AppState>) -> Router<AppState> {
    router.method_not_allowed_fallback(refusals::method_not_allowed).layer(from_fn(refusals::in_oauth_form))
}

/// The public keys that verify tokens. A secret is not among them.
async fn get_jwks(State(auth): State<Arc<Auth>>) -> Response {
    let keys = auth.signing_keys.ring().published();
    (KEPT, [(CONTENT_TYPE, "application/jwk-set+json")], keys).into_response()
}

async fn get_metadata(State(app): State<AppState>, headers: HeaderMap) -> Response {
    (KEPT, Json(metadata(&app, &base_url(&app, &headers)))).into_response()
}

fn metadata(app: &App, base: &str) -> Value {
    // Whoever names the issuer by a URL means this one.
    let issuer = Some(app.auth.tokens.parties().0).filter(|issuer| issuer.starts_with("http"));
    let has_sign_in = app.config.auth_scheme == AuthScheme::OAuth2PasswordBearer;
    let grants = match has_sign_in {
        true => json!(["password", "urn:ietf:params:oauth:grant-type:device_code", "zenml-api-key"]),
        false => json!(["zenml-api-key"]),
    };
    let mut metadata = json!({
        "issuer": issuer.unwrap_or(base),
        "token_endpoint": format!("{base}/api/v1/login"),
        "token_endpoint_auth_methods_supported": ["none"],
        "grant_types_supported": grants,
        // There is no authorization endpoint.
        "response_types_supported": [],
        "jwks_uri": format!("{base}{JWKS}"),
        "introspection_endpoint": format!("{base}/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "Bearer"],
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
        "service_documentation": format!("{base}/docs"),
        "zendo_token_signing_alg": app.auth.tokens.algorithm(),
    });
    if has_sign_in {
        metadata["device_authorization_endpoint"] = format!("{base}/api/v1/device_authorization").into();
    }
    metadata
}

/// Where callers reach this server: as the operator says, else as this one did.
fn base_url(app: &App, headers: &HeaderMap) -> String {
    if let Some(url) = &app.config.server_url {
        return url.0.clone();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("http://{host}{}", app.config.root_url_path.0)
}
