//! What programs look up before anything else: the public keys (RFC 7517), and what is where (RFC 8414).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;

use super::{INTROSPECT, REVOKE, refusals};
use crate::app::{AppState, Auth, SignIn, base_url};
use crate::config::{AuthScheme, ServerSettings};
use crate::framework::Routes;
use crate::login::{sign_in, token_endpoint};

const JWKS: &str = "/.well-known/jwks.json";
const METADATA: &str = "/.well-known/oauth-authorization-server";
/// For so long a program may go by what it has read. Between it and the server nobody keeps anything, so that a program
/// which meets a new key reads the newest ones (OpenID Connect Core, section 10.1.1).
const KEPT: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "private, max-age=60")];

pub(crate) fn routes() -> Routes {
    Routes::of(super::KIND)
        .get(JWKS, get_jwks)
        .open()
        .get(METADATA, get_metadata)
        .open()
        .post(token_endpoint::PATH, token_endpoint::token)
        .open()
        .around_each(with_refusals)
}

/// What is where, for programs that know only the host: a path goes after the well-known one (RFC 8414, section 3.1).
pub(crate) fn at_host(root: &str) -> Router<AppState> {
    Router::new().route(&format!("{METADATA}{root}"), with_refusals(get(get_metadata)))
}

fn with_refusals(route: MethodRouter<AppState>) -> MethodRouter<AppState> {
    route.fallback(refusals::method_not_allowed).layer(from_fn(refusals::in_oauth_form))
}

/// The public keys that verify tokens. A secret is not among them.
#[utoipa::path(
    get,
    path = JWKS,
    tag = "oauth",
    summary = "The public keys that verify tokens (RFC 7517).",
    description = "None of them while tokens are signed with a secret.",
    responses((status = 200, description = "A JWK Set", body = JwkSet, content_type = "application/jwk-set+json"))
)]
pub(crate) async fn get_jwks(State(auth): State<Arc<Auth>>) -> Response {
    let keys = auth.signing_keys.ring().published();
    (KEPT, [(CONTENT_TYPE, "application/jwk-set+json")], keys).into_response()
}

#[utoipa::path(
    get,
    path = METADATA,
    operation_id = "get_oauth_metadata",
    tag = "oauth",
    summary = "What this server offers and where (RFC 8414).",
    responses((status = 200, description = "The metadata", body = AuthorizationServerMetadata))
)]
pub(crate) async fn get_metadata(
    State(auth): State<Arc<Auth>>,
    State(config): State<Arc<ServerSettings>>,
    State(sign_in): State<Arc<SignIn>>,
    headers: HeaderMap,
) -> Response {
    (KEPT, Json(metadata(&auth, &config, &sign_in, &base_url(&config, &headers)))).into_response()
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is described, not made: the keys' library writes it")]
struct JwkSet {
    #[schema(inline)]
    keys: Vec<Jwk>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is described, not made")]
struct Jwk {
    kty: String,
    kid: String,
    alg: String,
    r#use: String,
    #[schema(nullable = false)]
    crv: Option<String>,
    #[schema(nullable = false)]
    x: Option<String>,
    #[schema(nullable = false)]
    y: Option<String>,
    #[schema(nullable = false)]
    n: Option<String>,
    #[schema(nullable = false)]
    e: Option<String>,
}

/// RFC 8414, section 2.
#[derive(Serialize, ToSchema)]
struct AuthorizationServerMetadata {
    issuer: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_authorization_endpoint: Option<String>,
    grant_types_supported: Vec<&'static str>,
    /// There is no authorization endpoint.
    response_types_supported: &'static [&'static str],
    jwks_uri: String,
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: &'static [&'static str],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: &'static [&'static str],
    service_documentation: String,
    zendo_token_signing_alg: String,
    /// Who a token has to be for that is exchanged here, unless a trust rule says otherwise.
    zendo_token_exchange_audience: String,
}

fn metadata(
    auth: &Auth,
    config: &ServerSettings,
    sign_in: &SignIn,
    base: &str,
) -> AuthorizationServerMetadata {
    // Whoever names the issuer by a URL means this one.
    let issuer = Some(auth.tokens.parties().0).filter(|issuer| issuer.starts_with("http"));
    let has_sign_in = config.auth_scheme == AuthScheme::OAuth2PasswordBearer;
    AuthorizationServerMetadata {
        issuer: issuer.unwrap_or(base).to_owned(),
        token_endpoint: format!("{base}{}", token_endpoint::PATH),
        token_endpoint_auth_methods_supported: &["none", "client_secret_basic", "client_secret_post"],
        device_authorization_endpoint: has_sign_in.then(|| format!("{base}/api/v1/device_authorization")),
        grant_types_supported: grant_types(config, sign_in),
        response_types_supported: &[],
        jwks_uri: format!("{base}{JWKS}"),
        introspection_endpoint: format!("{base}{INTROSPECT}"),
        introspection_endpoint_auth_methods_supported: &["client_secret_basic", "Bearer"],
        revocation_endpoint: format!("{base}{REVOKE}"),
        revocation_endpoint_auth_methods_supported: &["client_secret_basic"],
        service_documentation: format!("{base}/docs"),
        zendo_token_signing_alg: auth.tokens.algorithm(),
        zendo_token_exchange_audience: auth.own_audience(config).to_owned(),
    }
}

/// Those that are not refused whatever comes with them.
fn grant_types(config: &ServerSettings, sign_in: &SignIn) -> Vec<&'static str> {
    let of_people = match config.auth_scheme {
        AuthScheme::OAuth2PasswordBearer if sign_in.ways_in.password => {
            &["password", sign_in::DEVICE_CODE][..]
        }
        AuthScheme::OAuth2PasswordBearer => &[sign_in::DEVICE_CODE],
        _ => &[],
    };
    let of_machines = match config.auth_scheme {
        AuthScheme::OAuth2PasswordBearer | AuthScheme::External => {
            &["zenml-api-key", token_endpoint::TOKEN_EXCHANGE, token_endpoint::CLIENT_CREDENTIALS][..]
        }
        AuthScheme::HttpBasic | AuthScheme::NoAuth => &["zenml-api-key"],
    };
    [of_people, of_machines].concat()
}
