//! Who may call from a page of another origin (Fetch standard, CORS protocol).

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use tower_http::cors::{AllowCredentials, AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::config::ServerSettings;
use crate::http::page;

/// Seconds that a browser may remember a preflight's answer.
const MAX_AGE: Duration = Duration::from_mins(10);

/// Pages of this server's own origin and of those that the operator has listed may call with credentials; any other
/// one only where the operator says so, and without.
pub(crate) fn layer(config: &Arc<ServerSettings>) -> CorsLayer {
    let (config, settings) = (Arc::clone(config), config);
    let may_read = move |origin: &HeaderValue, asked: &Parts| page::may_read(&config, &asked.headers, origin);
    let has_list = !settings.cors_allow_origins.listed.is_empty() || settings.dashboard_url.is_some();
    let (origins, credentials) = match settings.cors_allow_origins.any {
        false => (AllowOrigin::predicate(may_read.clone()), AllowCredentials::predicate(may_read)),
        true if has_list => (AllowOrigin::mirror_request(), AllowCredentials::predicate(may_read)),
        true => (AllowOrigin::any(), AllowCredentials::default()),
    };
    let methods = [
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::POST,
        Method::PUT,
    ];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(credentials)
        .allow_methods(AllowMethods::list(methods))
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(MAX_AGE)
}
