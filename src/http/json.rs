//! JSON bodies: read, or refused with the 422 of ZenML's server.

use std::borrow::Cow;

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
        let is_json = request.headers().get(CONTENT_TYPE).is_some_and(is_json);
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
    let text = decode(bytes).ok_or(Unreadable::NotText)?;
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let field = if field == "." { String::new() } else { field };
        unreadable(&field, &error.into_inner())
    })?;
    deserializer.end().map_err(|error| unreadable("", &error))?;
    Ok(value)
}

fn unreadable(field: &str, error: &serde_json::Error) -> Unreadable {
    // serde_json has no other way to tell that a text is nested too deep.
    if error.to_string().starts_with("recursion limit exceeded") {
        return Unreadable::NotText;
    }
    let kind = if error.is_data() { "value_error" } else { "json_invalid" };
    Unreadable::Violation(body_violation(field, kind, error.to_string()))
}

/// UTF-8 or UTF-16, with or without a byte order mark, told apart as Python does (RFC 4627, section 3).
fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let utf16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let (units, rest) = bytes.as_chunks::<2>();
        let text = char::decode_utf16(units.iter().copied().map(read)).collect::<Result<String, _>>();
        text.ok().filter(|_| rest.is_empty()).map(Cow::Owned)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(Cow::Borrowed),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0, _, ..] => utf16(bytes, u16::from_be_bytes),
        [_, 0, ..] => utf16(bytes, u16::from_le_bytes),
        _ => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    }
}

/// The input is not repeated: a body may hold a password.
fn body_violation(field: &str, kind: &'static str, message: String) -> Violation {
    Violation { place: "body", field: field.into(), kind, message, input: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, &'static str> {
        parse::<serde_json::Value>(bytes).map(|value| value.to_string()).map_err(|error| match error {
            Unreadable::NotText => "400",
            Unreadable::Violation(violation) => violation.kind,
        })
    }

    #[test]
    fn text_is_read_in_the_encodings_of_json() {
        let utf16: Vec<u8> = "{\"a\":\"é\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let with_mark = [&[0xff, 0xfe], utf16.as_slice()].concat();
        let expected = Ok("{\"a\":\"é\"}".to_owned());
        assert_eq!(read(&utf16), expected);
        assert_eq!(read(&with_mark), expected);
        assert_eq!(read("\u{feff}{\"a\":\"é\"}".as_bytes()), expected);
        assert_eq!(read(b"{\"a\": \"\xff\"}"), Err("400"));
        assert_eq!(read("[".repeat(1000).as_bytes()), Err("400"));
        assert_eq!(read(b"{\"a\": 1} x"), Err("json_invalid"));
        assert_eq!(read(b"{"), Err("json_invalid"));
    }
}
