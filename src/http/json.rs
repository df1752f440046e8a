//! JSON bodies: read, or refused with the 422 of ZenML's server.

use std::any::Any;
use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Track};

use super::contract::{self, Fault, Modelled, Tagged};
use super::error::ApiError;
use super::lax::Lax;
use super::query::{Violation, reject, reject_model};
use super::repeated::last_of_each;

const NOT_AN_OBJECT: &str = "Input should be a valid dictionary or object to extract fields from";

/// Items of a batch: each is written in one transaction with the others, for which all who write wait.
const MOST_ITEMS: usize = 1_000;
/// Bytes that are read where requests are waited for; more take a thread.
const QUICKLY_READ: usize = 256 << 10;
/// Lists and objects within each other; serde_json's own limit.
const DEEPEST: usize = 127;

/// The answer with a body that is JSON already.
pub(crate) fn written_json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// A JSON body of type `T`: an object.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        read(request, parse_object).await.map(Self)
    }
}

/// A JSON body that is one of the contract's models, checked as that model.
#[derive(Debug)]
pub(crate) struct ModelBody<T>(pub T);

impl<T: DeserializeOwned + Modelled + Send + 'static, S: Send + Sync> FromRequest<S> for ModelBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        read(request, parse_model).await.map(Self)
    }
}

/// A JSON body that is a list of one of the contract's models.
#[derive(Debug)]
pub(crate) struct ModelItems<T>(pub Vec<T>);

impl<T: DeserializeOwned + Modelled + Send + 'static, S: Send + Sync> FromRequest<S> for ModelItems<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        read(request, parse_models).await.map(Self)
    }
}

/// A JSON body of type `T`, or none.
#[derive(Debug)]
pub(crate) struct OptionalJsonBody<T>(pub Option<T>);

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        read(request, parse_optional).await.map(Self)
    }
}

/// A JSON body that is one of the contract's models, or none.
#[derive(Debug)]
pub(crate) struct OptionalModelBody<T>(pub Option<T>);

impl<T: DeserializeOwned + Modelled + Send + 'static, S: Send + Sync> FromRequest<S>
    for OptionalModelBody<T>
{
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        read(request, parse_optional_model).await.map(Self)
    }
}

/// A JSON body that is one of several of the contract's models.
#[derive(Debug)]
pub(crate) struct TaggedBody<T>(pub T);

impl<T: Tagged + Send + 'static, S: Send + Sync> FromRequest<S> for TaggedBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        read(request, parse_tagged).await.map(Self)
    }
}

/// A JSON body that is a list of objects of type `T`.
#[derive(Debug)]
pub(crate) struct JsonItems<T>(pub Vec<T>);

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> FromRequest<S> for JsonItems<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        read(request, parse_list).await.map(Self)
    }
}

async fn read<T: Send + 'static>(
    request: Request,
    parse: fn(&[u8]) -> Result<T, Unreadable>,
) -> Result<T, Response> {
    let body = read_any(request, Box::new(move |bytes| Ok(Box::new(parse(bytes)?)))).await?;
    body.downcast().map(|body| *body).map_err(|_| unread())
}

/// Whatever a body is read as: the way there is long, the same for all of them, and compiled once.
type AnyBody = Box<dyn Any + Send>;
type Parse = Box<dyn FnOnce(&[u8]) -> Result<AnyBody, Unreadable> + Send>;

fn read_any(request: Request, parse: Parse) -> BoxFuture<'static, Result<AnyBody, Response>> {
    Box::pin(async move {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let is_json = request.headers().get(CONTENT_TYPE).is_some_and(is_json);
        // The body's own rejection tells whether it was too long (413) or cut off (400).
        let bytes = Bytes::from_request(request, &()).await.map_err(IntoResponse::into_response)?;
        let violation = match !bytes.is_empty() && !is_json {
            true => missing(),
            false => match parse_apart(bytes, parse).await? {
                Ok(body) => return Ok(body),
                Err(Unreadable::NotText) => {
                    let message = "There was an error parsing the body";
                    return Err(ApiError::plain(StatusCode::BAD_REQUEST, message).into_response());
                }
                Err(Unreadable::Violation(violation)) => violation,
                Err(Unreadable::NoModel(faults)) => {
                    return Err(reject_model(method.as_str(), &path, &faults).into_response());
                }
            },
        };
        Err(reject(method.as_str(), &path, &[violation]).into_response())
    })
}

/// Reads a large body on a thread of its own, so that nobody waits for it but its caller.
async fn parse_apart(bytes: Bytes, parse: Parse) -> Result<Result<AnyBody, Unreadable>, Response> {
    if bytes.len() <= QUICKLY_READ {
        return Ok(parse(&bytes));
    }
    tokio::task::spawn_blocking(move || parse(&bytes)).await.map_err(|_| unread())
}

fn unread() -> Response {
    tracing::error!("a body could not be read");
    ApiError::internal().into_response()
}

fn missing() -> Violation {
    body_violation("", "missing", "Field required".into())
}

enum Unreadable {
    NotText,
    Violation(Violation),
    /// It is JSON, and not the model that it should be.
    NoModel(Vec<Fault>),
}

fn is_json(content_type: &HeaderValue) -> bool {
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse_optional<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, Unreadable> {
    match bytes.trim_ascii() {
        b"" | b"null" => Ok(None),
        _ => parse_object(bytes).map(Some),
    }
}

fn parse_optional_model<T: DeserializeOwned + Modelled>(bytes: &[u8]) -> Result<Option<T>, Unreadable> {
    match bytes.trim_ascii() {
        b"" | b"null" => Ok(None),
        _ => parse_model(bytes).map(Some),
    }
}

fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Violation(missing()));
    }
    let text = text_of(bytes)?;
    // serde would take a list for a struct, its items for the fields in their order.
    if text.trim_ascii_start().starts_with('[') {
        return Err(Unreadable::Violation(body_violation("", "model_attributes_type", NOT_AN_OBJECT.into())));
    }
    parse(&text)
}

/// A body as what is read: each field of its objects once.
fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    let text = decode(bytes).filter(|text| !is_too_deep(text)).ok_or(Unreadable::NotText)?;
    Ok(last_of_each(text))
}

fn parse_model<T: DeserializeOwned + Modelled>(bytes: &[u8]) -> Result<T, Unreadable> {
    let body: Box<RawValue> = parse_object(bytes)?;
    fit(&body)
}

fn parse_tagged<T: Tagged>(bytes: &[u8]) -> Result<T, Unreadable> {
    let body: Box<RawValue> = parse_object(bytes)?;
    let fail = |kind, message: &str| Err(Unreadable::NoModel(vec![Fault::new(kind, message)]));
    let Ok(fields) = serde_json::from_str::<IndexMap<String, &RawValue>>(body.get()) else {
        return fail("model_attributes_type", NOT_AN_OBJECT);
    };
    let Some(tag) = fields.get("type") else {
        return fail("union_tag_not_found", "Unable to extract tag using discriminator 'type'");
    };
    let tag: Option<String> = serde_json::from_str(tag.get()).ok();
    let model = T::MODELS.iter().find(|(known, _)| tag.as_deref() == Some(known));
    let Some((tag, model)) = model else {
        let tags: Vec<&str> = T::MODELS.iter().map(|(tag, _)| *tag).collect();
        return fail("union_tag_invalid", &format!("The type is one of {}", tags.join(", ")));
    };
    let of_tag =
        |faults: Vec<Fault>| Unreadable::NoModel(faults.into_iter().map(|fault| fault.of_tag(tag)).collect());
    let checked = contract::check(model, &body).map_err(of_tag)?;
    let fitted = T::read(tag, &checked)
        .map_err(|error| of_tag(vec![Fault::new("value_error", without_value(error.to_string()))]))?;
    let faults = fitted.faults();
    if faults.is_empty() { Ok(fitted) } else { Err(of_tag(faults)) }
}

fn parse_models<T: DeserializeOwned + Modelled>(bytes: &[u8]) -> Result<Vec<T>, Unreadable> {
    let bodies: Vec<Box<RawValue>> = parse_list(bytes)?;
    let fitted = bodies.iter().enumerate().map(|(index, body)| {
        fit(body).map_err(|unreadable| match unreadable {
            Unreadable::NoModel(faults) => {
                Unreadable::NoModel(faults.into_iter().map(|fault| fault.of_item(index)).collect())
            }
            Unreadable::Violation(violation) => {
                let field = format!("[{index}].{}", violation.field);
                Unreadable::Violation(Violation { field, ..violation })
            }
            Unreadable::NotText => Unreadable::NotText,
        })
    });
    fitted.collect()
}

fn fit<T: DeserializeOwned + Modelled>(body: &RawValue) -> Result<T, Unreadable> {
    let fitted: T = parse(&contract::check(T::MODEL, body).map_err(Unreadable::NoModel)?)?;
    let mut faults = fitted.faults();
    faults.truncate(contract::MOST_FAULTS);
    if faults.is_empty() { Ok(fitted) } else { Err(Unreadable::NoModel(faults)) }
}

fn parse_list<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Violation(missing()));
    }
    let text = text_of(bytes)?;
    let items: Vec<&RawValue> = parse(&text)?;
    if items.len() > MOST_ITEMS {
        let message = format!("List should have at most {MOST_ITEMS} items");
        return Err(Unreadable::Violation(body_violation("", "too_long", message)));
    }
    if let Some(index) = items.iter().position(|item| !item.get().starts_with('{')) {
        let violation = body_violation(&index.to_string(), "model_attributes_type", NOT_AN_OBJECT.into());
        return Err(Unreadable::Violation(violation));
    }
    parse(&text)
}

/// The reader is behind a pointer, so that a model is compiled for it alone, and it for no model.
fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut track = Track::new();
    let read = {
        let tracked = serde_path_to_error::Deserializer::new(Lax(&mut json), &mut track);
        erased_serde::deserialize(&mut <dyn erased_serde::Deserializer>::erase(tracked))
    };
    let value = read.map_err(|error| unreadable(text, &track.path(), &error))?;
    json.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

fn unreadable(text: &str, path: &Path, error: &erased_serde::Error) -> Unreadable {
    // As ZenML's server does: what is no JSON is told before what is wrong in it.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return invalid_json(&error);
    }
    let field = path.to_string();
    let field = if [".", "?"].contains(&field.as_str()) { String::new() } else { field };
    let error = error.to_string();
    // serde_json places what is missing where it was missed.
    if let Some((missing, _)) = error.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        let field = if field.is_empty() { missing.to_owned() } else { format!("{field}.{missing}") };
        return Unreadable::Violation(body_violation(&field, "missing", "Field required".into()));
    }
    Unreadable::Violation(body_violation(&field, "value_error", without_value(error)))
}

fn invalid_json(error: &serde_json::Error) -> Unreadable {
    Unreadable::Violation(body_violation("", "json_invalid", without_value(error.to_string())))
}

/// What serde says of a value of the wrong type or form, without the value: a body may hold a password.
fn without_value(text: String) -> String {
    const REPEATED: [&str; 4] = ["invalid type: ", "invalid value: ", "unknown variant ", "unknown field "];
    let Some(start) = REPEATED.into_iter().find(|start| text.starts_with(start)) else { return text };
    let value = &text[start.len()..];
    // A value may hold anything; what was expected stands behind the last of these words.
    let expected = value.rfind(", expected ").or_else(|| value.rfind(", there are no "));
    let kind = value.find(['`', '"']).map_or(value, |quoted| &value[..quoted]);
    match expected {
        Some(expected) => format!("{}{}", format!("{start}{kind}").trim_end(), &value[expected..]),
        None => start.trim_end_matches([':', ' ']).to_owned(),
    }
}

/// Whether anything is nested deeper than a reader can be expected to follow; what is kept as it was sent is sent on
/// to others.
fn is_too_deep(json: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    })
}

/// UTF-8 or UTF-16, with or without a byte order mark, told apart as Python does (RFC 4627, section 3).
pub(crate) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
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

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only what is wrong counts")]
    struct Named {
        name: String,
        #[serde(default)]
        active: bool,
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |body: &str| match parse_object::<Named>(body.as_bytes()) {
            Err(Unreadable::Violation(violation)) => (violation.kind, violation.field),
            _ => panic!("{body}"),
        };
        assert_eq!(wrong("{}"), ("missing", "name".to_owned()));
        assert_eq!(wrong(r#"{"name": 5}"#), ("value_error", "name".to_owned()));
        assert_eq!(wrong(r#" ["a", true]"#), ("model_attributes_type", String::new()));
        assert_eq!(wrong("{"), ("json_invalid", String::new()));
        assert_eq!(wrong(r#"{"name": 5, "active": tru"#), ("json_invalid", String::new()));
        assert_eq!(wrong(""), ("missing", String::new()));
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only what is wrong counts")]
        struct Closed {
            word: Option<Word>,
            password: Option<secrecy::SecretString>,
            flag: Option<bool>,
        }
        #[derive(Debug, serde::Deserialize)]
        enum Word {
            One,
        }
        let said = |body: &str| match parse_object::<Closed>(body.as_bytes()) {
            Err(Unreadable::Violation(violation)) => violation.message,
            _ => panic!("{body}"),
        };
        for body in [
            r#"{"password": 53414e}"#,
            r#"{"password": 5341.4e3}"#,
            r#"{"password": ["5341"]}"#,
            r#"{"password": {"5341": "5341"}}"#,
            r#"{"flag": "5341"}"#,
            r#"{"flag": "5341, expected 5341"}"#,
            r#"{"flag": "\"5341`, expected `5341"}"#,
            r#"{"word": "5341"}"#,
            r#"{"word": {"5341": 1}}"#,
            r#"{"5341": 1}"#,
            r#""5341""#,
            "5341",
            r#"{"password": "5341"#,
        ] {
            let said = said(body);
            assert!(!said.contains("5341") && !said.is_empty(), "{said} of {body}");
        }
        assert!(said(r#"{"flag": "5341"}"#).starts_with("invalid type: string, expected a boolean"));
        assert!(said(r#"{"password": 5}"#).starts_with("invalid type: integer, expected a string"));
        assert!(said(r#"{"word": "5341"}"#).starts_with("unknown variant, expected `One`"));
    }

    #[test]
    fn a_body_may_be_left_out_where_it_is_optional() {
        let name =
            |body: &str| parse_optional::<Named>(body.as_bytes()).map(|named| named.map(|named| named.name));
        for none in ["", " ", "null"] {
            assert!(matches!(name(none), Ok(None)), "{none}");
        }
        assert!(matches!(name(r#"{"name": "a"}"#), Ok(Some(name)) if name == "a"));
        assert!(name("{}").is_err());
    }

    #[test]
    fn what_is_too_deep_is_no_text() {
        let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(DEEPEST - 1).as_bytes()).is_ok());
        assert_eq!(read(nested(DEEPEST).as_bytes()), Err("400"));
        let brackets = format!(r#"{{"a": "\"{}"}}"#, "[".repeat(1000));
        assert!(read(brackets.as_bytes()).is_ok());
    }

    #[test]
    fn a_list_is_one_of_objects() {
        let names = |body: &str| {
            parse_list::<Named>(body.as_bytes())
                .map(|items| items.iter().map(|item| item.name.clone()).collect::<Vec<_>>())
                .map_err(|_| "refused")
        };
        assert_eq!(names(r#"[{"name": "a"}, {"name": "b"}]"#), Ok(vec!["a".to_owned(), "b".to_owned()]));
        for wrong in [r#"{"name": "a"}"#, r#"[["a", true]]"#, r#"["a"]"#, "[", "[{}]"] {
            assert_eq!(names(wrong), Err("refused"), "{wrong}");
        }
    }

    fn read(bytes: &[u8]) -> Result<String, &'static str> {
        parse_object::<serde_json::Value>(bytes).map(|value| value.to_string()).map_err(|error| match error {
            Unreadable::NotText => "400",
            Unreadable::Violation(violation) => violation.kind,
            Unreadable::NoModel(_) => "no model",
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
