//! The body of a form, as OAuth's requests have one (RFC 6749, appendix B).

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use form_urlencoded::Parse;

/// Whether the body is said to be a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.trim_start().to_ascii_lowercase();
    content_type.starts_with("application/x-www-form-urlencoded")
}

/// The fields of a form, in order. Any other body is as good as an empty form.
pub(crate) fn fields<'a>(headers: &HeaderMap, body: &'a [u8]) -> Parse<'a> {
    form_urlencoded::parse(if is_form(headers) { body } else { &[] })
}
