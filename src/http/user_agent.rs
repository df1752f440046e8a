//! What a caller's program calls itself.

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

/// Characters of it that are kept.
const LENGTH: usize = 255;

/// The header `User-Agent` (RFC 9110, section 10.1.5).
#[derive(Debug, Clone, Default)]
pub struct UserAgent(Option<HeaderValue>);

impl<S: Sync> FromRequestParts<S> for UserAgent {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.headers.get(USER_AGENT).cloned()))
    }
}

impl UserAgent {
    /// As it may be kept: text, and not longer than a column.
    pub fn text(&self) -> Option<&str> {
        let text = self.0.as_ref()?.to_str().ok()?;
        // What `to_str` gives is ASCII.
        Some(text.get(..LENGTH).unwrap_or(text))
    }
}
