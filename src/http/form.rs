//! The body of a form, as OAuth's requests have one (RFC 6749, appendix B).

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use form_urlencoded::Parse;

/// The fields of a form, in order. Any other body is as good as an empty form.
pub fn fields<'a>(headers: &HeaderMap, body: &'a [u8]) -> Parse<'a> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.trim_start().to_ascii_lowercase();
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    form_urlencoded::parse(if is_form { body } else { &[] })
}
