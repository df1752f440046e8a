//! JSON bodies: read, or refused with the 422 of ZenML's server.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::query::{Violation, reject};

/// A JSON body of type `T`.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let is_json = request.headers().get(CONTENT_TYPE).is_none_or(is_json);
        // The body's own rejection tells whether it was too long (413) or cut off (400).
        let bytes = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let violation = match bytes.is_empty() || !is_json {
            true => body_violation("", "missing", "Field required".into()),
            false => match parse(&bytes) {
                Ok(value) => return Ok(Self(value)),
                Err(Unreadable::NotText) => {
                    let message = "There was an error parsing the body";
                    return Err(ApiError::plain(StatusCode::BAD_REQUEST, message).into_response());
                }
                Err(Unreadable::Violation(violation)) => violation,
            },
        };
        Err(reject(method.as_str(), &path, &[violation]).into_response())
    }
}

enum Unreadable {
    NotText,
    Violation(Violation),
}

fn is_json(content_type: &axum::http::HeaderValue) -> bool {
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if std::str::from_utf8(bytes).is_err() {
        return Err(Unreadable::NotText);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let kind = if error.inner().is_data() { "value_error" } else { "json_invalid" };
        let field = if field == "." { String::new() } else { field };
        Unreadable::Violation(body_violation(&field, kind, error.into_inner().to_string()))
    })?;
    let at_end = deserializer.end();
    at_end.map_err(|error| Unreadable::Violation(body_violation("", "json_invalid", error.to_string())))?;
    Ok(value)
}

/// The input is not repeated: a body may hold a password.
fn body_violation(field: &str, kind: &'static str, message: String) -> Violation {
    Violation { place: "body", field: field.into(), kind, message, input: String::new() }
}
