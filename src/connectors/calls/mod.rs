//! What connectors make this server ask of others, and what it is told. Nothing of the far side's words is handed on: it
//! may say anything, also to whom only this server can speak.

mod kubernetes;
mod oauth2;

use axum::http::StatusCode;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::Configuration;
use crate::outbound::{Answer, Call, CallError, Outbound, Tls};

pub(crate) use kubernetes::verify as verify_cluster;
pub(crate) use oauth2::request_token;

/// Why the far side gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{attribute}: {error}")]
    Call { attribute: &'static str, error: CallError },
    #[error("{attribute}: {problem}")]
    Value { attribute: &'static str, problem: &'static str },
    #[error("{who} answered {status}{}", .word.map(|word| format!(" ({word})")).unwrap_or_default())]
    Status { who: &'static str, status: u16, word: Option<&'static str> },
    #[error("{who}'s answer is not understood: {problem}")]
    Answer { who: &'static str, problem: &'static str },
}

/// An attribute that is a text, and not empty.
fn text<'c>(configuration: &'c Configuration, attribute: &str) -> Option<&'c str> {
    let secret = configuration.secrets.iter().find(|(name, _)| name == attribute);
    let text = match secret {
        Some((_, secret)) => Some(secret.expose_secret()),
        None => configuration.settings.get(attribute).and_then(Value::as_str),
    };
    text.filter(|text| !text.is_empty())
}

/// Asks an address of the configuration.
async fn post(
    outbound: &Outbound,
    attribute: &'static str,
    url: Url,
    mut headers: HeaderMap,
    (kind, body): (&'static str, Vec<u8>),
    tls: Tls,
) -> Result<Answer, Refusal> {
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let call = Call { method: Method::POST, url, headers, body, tls };
    outbound.call(call).await.map_err(|error| Refusal::Call { attribute, error })
}

/// An address of the configuration.
fn url(configuration: &Configuration, attribute: &'static str) -> Result<Url, Refusal> {
    let missing = Refusal::Value { attribute, problem: "it is missing" };
    let text = text(configuration, attribute).ok_or(missing)?;
    Url::parse(text.trim()).map_err(|_| Refusal::Call { attribute, error: CallError::Url })
}

/// `Authorization`, which no log shows.
fn authorization(headers: &mut HeaderMap, attribute: &'static str, value: &[u8]) -> Result<(), Refusal> {
    let problem = "it has characters that no header can have";
    let mut value = HeaderValue::from_bytes(value).map_err(|_| Refusal::Value { attribute, problem })?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

/// A status that is no success.
fn refused(who: &'static str, status: StatusCode, word: Option<&'static str>) -> Refusal {
    Refusal::Status { who, status: status.as_u16(), word }
}
