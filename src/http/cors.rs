//! Who may call from a page of another origin (Fetch standard, CORS protocol).

use std::time::Duration;

use axum::http::Method;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::config::Origins;

/// Seconds that a browser may remember a preflight's answer.
const MAX_AGE: Duration = Duration::from_secs(600);

/// ZenML's rules: credentials are allowed, any method and header, and without a list any origin.
pub fn layer(origins: &Origins) -> CorsLayer {
    let allowed = match origins {
        Origins::Any => AllowOrigin::mirror_request(),
        Origins::Listed(origins) => AllowOrigin::list(origins.iter().cloned()),
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
        .allow_origin(allowed)
        .allow_credentials(true)
        .allow_methods(AllowMethods::list(methods))
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(MAX_AGE)
}
