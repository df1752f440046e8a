//! The secure headers that ZenML's server puts on every answer (contract/config.json, SECURE_HEADERS).

use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::config::{HeaderSetting, ServerSettings};
use crate::store::Id;

const HSTS: &str = "max-age=63072000; includeSubdomains";
const CSP: &str = "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' \
https://widgets-v3.featureos.app https://static.reo.dev; connect-src 'self' *; img-src 'self' data: *; \
style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'; font-src 'self';frame-src \
https://zenml.hellonext.co https://sdkdocs.zenml.io https://widgets-v3.hellonext.co \
https://widgets-v3.featureos.app https://zenml.portal.trainn.co";
const REFERRER: &str = "no-referrer-when-downgrade";
const CACHE: &str = "no-store, no-cache, must-revalidate";
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), encrypted-media=(), geolocation=(), \
gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), sync-xhr=(), usb=()";

/// Headers that come after these: the request's id, the content's length and the date.
const FURTHER: usize = 3;

/// `Cache-Control` of what has the hash of its content in its address, so that it never changes there.
pub(crate) const KEPT_FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The headers, made once for as long as the program runs: what is on every answer is counted by none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecureHeaders(&'static HeaderMap);

impl SecureHeaders {
    /// `server_id` is what the `Server` header says by default.
    pub(crate) fn new(settings: &ServerSettings, server_id: Id) -> Self {
        let server_id = server_id.to_string();
        let all: [(HeaderName, &HeaderSetting, &str); 8] = [
            (header::CACHE_CONTROL, &settings.secure_headers_cache, CACHE),
            (header::CONTENT_SECURITY_POLICY, &settings.secure_headers_csp, CSP),
            (header::STRICT_TRANSPORT_SECURITY, &settings.secure_headers_hsts, HSTS),
            (
                HeaderName::from_static("permissions-policy"),
                &settings.secure_headers_permissions,
                PERMISSIONS,
            ),
            (header::REFERRER_POLICY, &settings.secure_headers_referrer, REFERRER),
            (header::SERVER, &settings.secure_headers_server, &server_id),
            (header::X_CONTENT_TYPE_OPTIONS, &settings.secure_headers_content, "nosniff"),
            (header::X_FRAME_OPTIONS, &settings.secure_headers_xfo, "SAMEORIGIN"),
        ];
        let set =
            all.into_iter().filter_map(|(name, setting, default)| Some((name, setting.value(default)?)));
        Self(Box::leak(Box::new(set.map(|(name, value)| (name, of_the_program(value))).collect())))
    }

    /// The answer with the headers on it. What it says itself stands: the public keys may be cached.
    pub(crate) fn add_to<B>(self, mut response: Response<B>) -> Response<B> {
        let mut headers = self.0.clone();
        headers.reserve(response.headers().len() + FURTHER);
        headers.extend(std::mem::take(response.headers_mut()));
        *response.headers_mut() = headers;
        response
    }
}

/// The value in memory that is never given back, so that its copies need no count.
pub(super) fn of_the_program(value: HeaderValue) -> HeaderValue {
    match value.to_str() {
        Ok(text) => HeaderValue::from_static(String::leak(text.to_owned())),
        Err(_) => value,
    }
}

/// The answer as a page of this server's own: framed by nobody, and running nothing but what `policy` allows, whatever
/// the operator's headers say.
pub(crate) fn own_page<B>(mut response: Response<B>, policy: &'static str) -> Response<B> {
    let all: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in all {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
