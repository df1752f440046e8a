//! Refusals in the form of OAuth (RFC 6749, section 5.2; RFC 6750, section 3.1), whoever refuses: a handler, a layer, or a
//! path or method that isn't there.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::http::error::ApiError;

/// Bytes of a refusal that are read: none of this server's is longer.
const MOST: usize = 64 << 10;
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"zendo\"");
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const BAD_BEARER: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// Codes that handlers say themselves.
const CODES: [&str; 10] = [
    "invalid_request",
    "unsupported_token_type",
    "invalid_scope",
    "invalid_target",
    "unsupported_grant_type",
    "authorization_pending",
    "slow_down",
    "access_denied",
    "expired_token",
    "invalid_grant",
];

/// How a client has tried to say who it is: its refusal names the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Basic,
    Bearer,
    /// Not at all, by a cookie, or in a way that isn't known here.
    Otherwise,
}

#[derive(Debug, Serialize)]
struct Refusal {
    error: &'static str,
    error_description: String,
}

/// A layer that gives what is refused behind it the form of OAuth.
pub(crate) async fn in_oauth_form(request: Request, next: Next) -> Response {
    let attempt = Attempt::of(request.headers());
    let answer = next.run(request).await;
    match answer.status().is_client_error() || answer.status().is_server_error() {
        true => refusal(attempt, answer).await,
        false => answer,
    }
}

/// No route has this path.
pub(crate) async fn not_found() -> ApiError {
    ApiError::plain(StatusCode::NOT_FOUND, "There is nothing at this path.")
}

/// A route has this path, but for other methods, which `Allow` names.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::plain(StatusCode::METHOD_NOT_ALLOWED, "This path takes another method.")
}

impl Attempt {
    /// By the scheme alone: what comes after it may be wrong, which typed headers take for nothing.
    fn of(headers: &HeaderMap) -> Self {
        let scheme = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let scheme = scheme.and_then(|value| value.split(' ').next()).unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Self::Basic,
            "bearer" => Self::Bearer,
            _ => Self::Otherwise,
        }
    }
}

async fn refusal(attempt: Attempt, answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let text = to_bytes(body, MOST).await.unwrap_or_default();
    let (own_code, description) = read(&text);
    let error = own_code.unwrap_or_else(|| code(attempt, parts.status, &parts.headers));
    let headers = &mut parts.headers;
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_TYPE);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(PRAGMA, NO_CACHE);
    if parts.status == StatusCode::UNAUTHORIZED {
        challenge(headers, attempt);
    }
    (parts, Json(Refusal { error, error_description: description })).into_response()
}

/// The code and the words of a refusal in this server's other forms, or of one that is text.
fn read(text: &[u8]) -> (Option<&'static str>, String) {
    let Ok(body) = serde_json::from_slice::<Value>(text) else {
        return (None, described(&String::from_utf8_lossy(text)));
    };
    let own_code = CODES.into_iter().find(|code| body["error"] == *code);
    let said = ["error_description", "detail", "error"].into_iter().find_map(|name| body.get(name));
    let said = said.unwrap_or(&body);
    let words = said.get(1).unwrap_or(said).as_str().unwrap_or_default();
    (own_code, described(words))
}

/// A description has no quotes, backslashes or letters beyond ASCII.
fn described(words: &str) -> String {
    let fit = |letter: char| match letter {
        '"' => '\'',
        ' '..='~' if letter != '\\' => letter,
        _ => '?',
    };
    words.chars().map(fit).collect()
}

fn code(attempt: Attempt, status: StatusCode, headers: &HeaderMap) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED if attempt == Attempt::Bearer => "invalid_token",
        StatusCode::UNAUTHORIZED => "invalid_client",
        StatusCode::FORBIDDEN if lacks_scope(headers) => "insufficient_scope",
        StatusCode::FORBIDDEN => "access_denied",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request",
    }
}

fn lacks_scope(headers: &HeaderMap) -> bool {
    let challenge = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    challenge.is_some_and(|challenge| challenge.contains("insufficient_scope"))
}

fn challenge(headers: &mut HeaderMap, attempt: Attempt) {
    match attempt {
        Attempt::Basic => drop(headers.insert(WWW_AUTHENTICATE, BASIC)),
        Attempt::Bearer => drop(headers.insert(WWW_AUTHENTICATE, BAD_BEARER)),
        Attempt::Otherwise => {
            headers.insert(WWW_AUTHENTICATE, BASIC);
            headers.append(WWW_AUTHENTICATE, BEARER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_in_any_form_is_read() {
        let said = |body: &str| {
            let (code, words) = read(body.as_bytes());
            (code.unwrap_or("none"), words)
        };
        for (body, code, words) in [
            (r#"{"detail": "Not Found"}"#, "none", "Not Found"),
            (r#"{"detail": ["KeyError", "\"gone\""]}"#, "none", "'gone'"),
            (r#"["ValueError", "wrong"]"#, "none", "wrong"),
            (r#"{"error": "Server too busy."}"#, "none", "Server too busy."),
            (r#"{"error": "invalid_request", "error_description": "a"}"#, "invalid_request", "a"),
            ("caf\u{e9} \\ \n", "none", "caf? ? ?"),
            ("", "none", ""),
            ("{}", "none", ""),
        ] {
            assert_eq!(said(body), (code, words.to_owned()), "{body}");
        }
    }
}
