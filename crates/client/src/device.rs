//! Signing in where no browser is: somebody approves it in one elsewhere (RFC 8628).

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::ClientError;
use super::api::read;
use super::http::HttpClient;
use super::token::Token;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How people sign in to a server.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct WaysIn {
    /// What the provider that knows people is called, where there is one.
    pub name: Option<String>,
    /// Whether people sign in with passwords.
    pub password_sign_in: bool,
}

/// What a server answers to who asks to be approved.
#[derive(Deserialize)]
pub struct Waiting {
    device_code: SecretString,
    /// What the person compares.
    pub user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    /// Seconds that it waits.
    pub expires_in: u64,
    /// Seconds between two questions.
    pub interval: u64,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Waiting")
    }
}

/// What came of a question.
#[derive(Debug)]
pub enum Polled {
    /// Somebody has approved it.
    Approved(Token),
    /// Nobody has yet.
    Pending,
    /// It asks too often.
    TooOften,
    /// Nobody will any more, and why.
    Over(String),
}

/// How people sign in to the server; with a password to one that doesn't say.
pub fn ways_in(http: &HttpClient) -> WaysIn {
    let unsaid = WaysIn { name: None, password_sign_in: true };
    http.get("/oidc", &[], None).ok().and_then(|body| serde_json::from_value(body).ok()).unwrap_or(unsaid)
}

/// Asks to be approved.
pub fn ask(http: &HttpClient, client_id: Uuid) -> Result<Waiting, ClientError> {
    let body = http.post_form("/device_authorization", &[("client_id", &client_id.to_string())])?;
    read(http, body)
}

impl Waiting {
    /// The address at which somebody approves it. A server that doesn't know its own says a path.
    pub fn address(&self, http: &HttpClient) -> String {
        let said = self.verification_uri_complete.as_ref().unwrap_or(&self.verification_uri);
        match said.starts_with('/') {
            true => format!("{}{said}", http.server()),
            false => said.clone(),
        }
    }

    /// Asks whether somebody has approved it.
    pub fn poll(
        &self,
        http: &HttpClient,
        client_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Polled, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: SecretString,
            expires_in: Option<i64>,
        }
        let client_id = client_id.to_string();
        let form = [
            ("grant_type", GRANT),
            ("client_id", &client_id),
            ("device_code", self.device_code.expose_secret()),
        ];
        let body = match http.post_form_of_oauth("/login", &form)? {
            Ok(body) => body,
            Err(refusal) => return Ok(of_word(&refusal)),
        };
        let answer: Answer = read(http, body)?;
        Ok(Polled::Approved(Token::issued(answer.access_token, answer.expires_in, now)))
    }
}

fn of_word(refusal: &Value) -> Polled {
    match refusal.get("error").and_then(Value::as_str).unwrap_or_default() {
        "authorization_pending" => Polled::Pending,
        "slow_down" => Polled::TooOften,
        "access_denied" => Polled::Over("it was denied".to_owned()),
        "expired_token" => Polled::Over("nobody has approved it in time".to_owned()),
        _ => Polled::Over("the server knows nothing of it any more".to_owned()),
    }
}
