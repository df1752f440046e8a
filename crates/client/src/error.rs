//! What can go wrong between the terminal and a server, and what a server's refusal says.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ServerUrl;
use super::credentials::Origin;

/// Why a client command could not do its work.
///
/// The text states the fact; what to do next is added by the command line, which knows the name it was
/// called by. No variant ever holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not one a server can have.
    #[error("`{given}` is not a server address: {reason}")]
    InvalidUrl { given: String, reason: String },
    /// An environment variable or a setting in `config.yaml` has a value that cannot be used.
    #[error("{name}: {reason}")]
    InvalidSetting { name: String, reason: String },
    /// Neither an argument, the environment nor `config.yaml` names a server.
    #[error("no ZenML server is set up here")]
    NoServer,
    /// The active store is a database, which has no API to ask.
    #[error("the active store is a database, not a ZenML server")]
    NotAServerStore,
    /// Nothing to sign in with is known for the server.
    #[error("not signed in to {server}")]
    NotSignedIn { server: ServerUrl },
    /// The remembered token is over and nothing is there to get another with.
    #[error("the session at {server} ended {when}")]
    Expired { server: ServerUrl, when: String },
    /// The server does not accept the credentials found at `origin`, or those just typed in.
    #[error("{server} refused the credentials: {message}")]
    Refused { server: ServerUrl, message: String, origin: Option<Origin> },
    /// The server understood the request and said no.
    #[error("{message}")]
    Server { status: u16, message: String },
    /// No connection came about.
    #[error("cannot reach {server}: {reason}")]
    Unreachable { server: ServerUrl, reason: String },
    /// A connection came about, but not a TLS session that can be trusted.
    #[error("no secure connection to {server}: {reason}")]
    Tls { server: ServerUrl, reason: String },
    /// Something answers at the address, but not a ZenML server.
    #[error("{server} does not answer like a ZenML server: {reason}")]
    NotZenml { server: ServerUrl, reason: String },
    /// The server points elsewhere, where credentials meant for it must not follow.
    #[error("{server} redirects to {location}")]
    Redirected { server: ServerUrl, location: String },
    /// A name given on the command line is unknown to the server.
    #[error("{server} has no {kind} named `{name}`")]
    Unknown { server: ServerUrl, kind: &'static str, name: String },
    /// The server gave a token that was asked for with limits it does not know. The token is thrown away.
    #[error(
        "{server} cannot narrow tokens: the one it gave may do more than was asked for, and is not shown"
    )]
    NotDownscoped { server: ServerUrl },
    /// Nothing that a token could be had for was found.
    #[error("there is no identity here that a token could be had for")]
    NoIdentity,
    /// Whoever gives tokens of the identity gave none.
    #[error("{name}: {reason}")]
    IdentityRefused { name: &'static str, reason: String },
    /// The token of the identity was exchanged before, and there is no other one.
    #[error("the token of this job's identity was exchanged before, and each is once")]
    UsedIdentity { path: Option<PathBuf> },
    /// A file could not be read or written.
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// A file is there, but does not hold what it should.
    #[error("{} is damaged and was left as it is: {reason}", path.display())]
    DamagedFile { path: PathBuf, reason: String },
}

impl ClientError {
    /// A failed file operation on `path`.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }
}

/// The sentence in an error answer, or `None` when the body is not one a ZenML server sends.
///
/// These shapes are in use: `{"detail": [name, message, …]}`, `{"detail": "message"}`, the bare list
/// `[name, message]` of a request that failed validation, and OAuth's `{"error_description": "message"}`.
pub fn server_message(body: &Value) -> Option<String> {
    let detail = match body {
        Value::Object(fields) => fields.get("detail").or_else(|| fields.get("error_description"))?,
        other => other,
    };
    let text = match detail {
        Value::String(text) => text.clone(),
        Value::Array(parts) => joined_message(parts)?,
        _ => return None,
    };
    Some(printable(&text))
}

fn joined_message(parts: &[Value]) -> Option<String> {
    let name = parts.first()?.as_str()?;
    let arguments: Vec<String> = parts.iter().skip(1).map(plain_text).collect();
    if arguments.is_empty() {
        return Some(name.to_owned());
    }
    let message = arguments.join(": ");
    // Python's KeyError prints its message in quotes, which are noise to a reader.
    let message = match name {
        "KeyError" => message.trim_matches('"').to_owned(),
        _ => message,
    };
    // A validation failure is followed, after an empty line, by the place in the server's source.
    let message = message.split("\n\n").next().unwrap_or_default();
    Some(message.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `text` without control characters: what a server sends must not steer the caller's terminal.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_named_refusal_is_shown_by_its_message() {
        let body = json!({"detail": ["ValueError", "The maximum is 604800 seconds."]});
        assert_eq!(server_message(&body).as_deref(), Some("The maximum is 604800 seconds."));
    }

    #[test]
    fn a_plain_detail_is_shown_as_it_is() {
        assert_eq!(server_message(&json!({"detail": "Not Found"})).as_deref(), Some("Not Found"));
    }

    #[test]
    fn the_bare_list_of_a_failed_validation_loses_the_place_in_the_source() {
        let body = json!(["ValueError", "1 validation error:\n  {'msg': 'bad'}\n\n  File \"x.py\", line 1"]);
        assert_eq!(server_message(&body).as_deref(), Some("1 validation error: {'msg': 'bad'}"));
    }

    #[test]
    fn a_key_error_loses_its_quotes_and_further_arguments_are_joined() {
        let body = json!({"detail": ["KeyError", "\"no such thing\""]});
        assert_eq!(server_message(&body).as_deref(), Some("no such thing"));
        let body = json!({"detail": ["RuntimeError", "a", 7]});
        assert_eq!(server_message(&body).as_deref(), Some("a: 7"));
    }

    #[test]
    fn other_shapes_are_no_message() {
        for body in [json!(null), json!({}), json!([]), json!([1]), json!({"detail": {"a": 1}})] {
            assert_eq!(server_message(&body), None, "{body}");
        }
    }

    #[test]
    fn control_characters_are_dropped() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}"), "a[31mb");
    }
}
