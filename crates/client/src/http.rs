//! Requests to one server, and what its answers mean.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::error::{printable, server_message};
use super::settings::TlsCheck;
use super::target::Target;
use super::{ClientError, ServerUrl};

/// For whoever else is asked.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// Sends requests to one server.
///
/// Redirects are never followed: the credentials in a request are meant for this server alone.
pub struct HttpClient {
    agent: ureq::Agent,
    server: ServerUrl,
}

impl HttpClient {
    /// A client for `target`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::InvalidSetting`] when the CA bundle cannot be used.
    pub fn new(target: &Target) -> Result<Self, ClientError> {
        let agent = agent(&target.tls, target.timeout)?;
        Ok(Self { agent, server: target.server.clone() })
    }

    /// The server talked to.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Gets an API route such as `/info`.
    pub fn get(
        &self,
        route: &str,
        query: &[(&str, &str)],
        bearer: Option<&SecretString>,
    ) -> Result<Value, ClientError> {
        let mut request = self.agent.get(self.server.api(route)).header("Accept", "application/json");
        for (name, value) in query {
            request = request.query(name, value);
        }
        if let Some(token) = bearer {
            request = request.header("Authorization", bearer_header(token)?);
        }
        self.answer(request.call())
    }

    /// Deletes what an API route names.
    pub fn delete(&self, route: &str, bearer: &SecretString) -> Result<Value, ClientError> {
        let request = self.agent.delete(self.server.api(route)).header("Accept", "application/json");
        self.answer(request.header("Authorization", bearer_header(bearer)?).call())
    }

    /// Posts JSON to an API route.
    pub fn post(
        &self,
        route: &str,
        body: &Value,
        bearer: Option<&SecretString>,
    ) -> Result<Value, ClientError> {
        let mut request = self.agent.post(self.server.api(route)).header("Accept", "application/json");
        if let Some(token) = bearer {
            request = request.header("Authorization", bearer_header(token)?);
        }
        self.answer(request.send_json(body))
    }

    /// Changes what an API route names.
    pub fn put(&self, route: &str, body: &Value, bearer: &SecretString) -> Result<Value, ClientError> {
        let request = self.agent.put(self.server.api(route)).header("Accept", "application/json");
        self.answer(request.header("Authorization", bearer_header(bearer)?).send_json(body))
    }

    /// Posts a form to an API route.
    pub fn post_form(&self, route: &str, form: &[(&str, &str)]) -> Result<Value, ClientError> {
        let request = self.agent.post(self.server.api(route)).header("Accept", "application/json");
        self.answer(request.send_form(form.iter().copied()))
    }

    /// Gets what is beside the API.
    pub fn get_at_root(&self, path: &str) -> Result<Value, ClientError> {
        let url = format!("{}{path}", self.server.as_str());
        self.answer(self.agent.get(url).header("Accept", "application/json").call())
    }

    /// Posts a form beside the API.
    pub fn post_form_at_root(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, ClientError> {
        let url = format!("{}{path}", self.server.as_str());
        let request = self.agent.post(url).header("Accept", "application/json");
        self.answer(request.send_form(form.iter().copied()))
    }

    /// Gets JSON of somebody else, whose certificate one of the public authorities has signed.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn get_elsewhere(&self, url: &str, bearer: &SecretString) -> Result<Value, String> {
        let agent = agent(&TlsCheck::Public, ELSEWHERE).map_err(|error| error.to_string())?;
        let bearer = bearer_header(bearer).map_err(|error| error.to_string())?;
        let request = agent.get(url).header("Accept", "application/json").header("Authorization", bearer);
        let mut response = request.call().map_err(|error| format!("it gives no answer: {error}"))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered HTTP {status}"));
        }
        let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|_| "its answer is not JSON".to_owned())
    }

    /// Posts a form where a refusal may be an answer, too: one with the word of RFC 6749, section 5.2.
    pub fn post_form_of_oauth(
        &self,
        route: &str,
        form: &[(&str, &str)],
    ) -> Result<Result<Value, Value>, ClientError> {
        let request = self.agent.post(self.server.api(route)).header("Accept", "application/json");
        let mut response = request.send_form(form.iter().copied()).map_err(|error| self.no_answer(&error))?;
        if response.status().as_u16() != 400 {
            return self.answer(Ok(response)).map(Ok);
        }
        let text = response.body_mut().read_to_string().map_err(|error| self.no_answer(&error))?;
        match serde_json::from_str::<Value>(&text) {
            Ok(body) if body.get("error").is_some_and(Value::is_string) => Ok(Err(body)),
            Ok(body) => Err(self.refusal(400, server_message(&body), "400 Bad Request")),
            Err(_) => Err(self.not_zenml("its answer is not JSON (HTTP 400)")),
        }
    }

    fn answer(&self, outcome: Result<http::Response<ureq::Body>, ureq::Error>) -> Result<Value, ClientError> {
        let mut response = outcome.map_err(|error| self.no_answer(&error))?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(http::header::LOCATION);
            return Err(self.redirected(location.and_then(|value| value.to_str().ok()).unwrap_or_default()));
        }
        let text = response.body_mut().read_to_string().map_err(|error| self.no_answer(&error))?;
        let body: Option<Value> = serde_json::from_str(&text).ok();
        match body {
            Some(body) if status.is_success() => Ok(body),
            Some(body) => Err(self.refusal(status.as_u16(), server_message(&body), &status.to_string())),
            // What stands between caller and server answers in its own words while the server is away.
            None if status.is_server_error() => Err(self.refusal(status.as_u16(), None, &status.to_string())),
            None => Err(self.not_zenml(&format!("its answer is not JSON (HTTP {})", status.as_u16()))),
        }
    }

    fn refusal(&self, status: u16, message: Option<String>, status_text: &str) -> ClientError {
        let server = self.server.clone();
        let message = message.unwrap_or_else(|| format!("{server} answered HTTP {status_text}"));
        match status {
            401 => ClientError::Refused { server, message, origin: None },
            _ => ClientError::Server { status, message },
        }
    }

    fn redirected(&self, location: &str) -> ClientError {
        // The address to use instead is what precedes the route asked for.
        let base = location.split("/api/v1").next().unwrap_or_default();
        ClientError::Redirected { server: self.server.clone(), location: printable(base) }
    }

    /// The error for an answer that no ZenML server gives.
    pub fn not_zenml(&self, reason: &str) -> ClientError {
        ClientError::NotZenml { server: self.server.clone(), reason: reason.to_owned() }
    }

    fn no_answer(&self, error: &ureq::Error) -> ClientError {
        let server = self.server.clone();
        let reason = match error {
            ureq::Error::Tls(reason) => {
                return ClientError::Tls { server, reason: (*reason).to_owned() };
            }
            ureq::Error::Rustls(error) => {
                return ClientError::Tls { server, reason: error.to_string() };
            }
            // The TLS layer reports a broken handshake as invalid data read from the connection.
            ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                return ClientError::Tls { server, reason: tls_reason(error.to_string()) };
            }
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                "the connection was refused".to_owned()
            }
            ureq::Error::Timeout(_) => "it did not answer in time".to_owned(),
            ureq::Error::HostNotFound => "no such host".to_owned(),
            ureq::Error::Protocol(_) | ureq::Error::Http(_) => {
                return self.not_zenml("its answer is not HTTP");
            }
            ureq::Error::BodyExceedsLimit(_) => return self.not_zenml("its answer is too long"),
            ureq::Error::Io(error) => error.to_string(),
            other => other.to_string(),
        };
        ClientError::Unreachable { server, reason }
    }
}

/// The usual mistake in words: `https` where a server only speaks `http`.
fn tls_reason(reason: String) -> String {
    match reason.contains("InvalidContentType") {
        true => "it answers without TLS (its address may start with http://)".to_owned(),
        false => reason,
    }
}

fn agent(tls: &TlsCheck, timeout: Duration) -> Result<ureq::Agent, ClientError> {
    let tls = match tls {
        TlsCheck::Public => TlsConfig::builder().root_certs(RootCerts::WebPki),
        TlsCheck::Ca(bundle) => {
            TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates(bundle)?))
        }
        TlsCheck::Off => TlsConfig::builder().disable_verification(true),
    };
    let config = ureq::Agent::config_builder()
        .user_agent(concat!("zendo/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls.build())
        .build();
    Ok(config.new_agent())
}

/// The authorities in `bundle`, which is a file's path or PEM text itself.
fn certificates(bundle: &str) -> Result<Vec<Certificate<'static>>, ClientError> {
    let invalid = |reason: String| ClientError::InvalidSetting { name: "verify_ssl".to_owned(), reason };
    let pem = if bundle.contains("-----BEGIN") {
        bundle.as_bytes().to_vec()
    } else {
        fs::read(bundle)
            .map_err(|error| invalid(format!("the CA bundle `{bundle}` cannot be read: {error}")))?
    };
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(invalid(format!("the CA bundle is not PEM: {error}"))),
        }
    }
    if found.is_empty() {
        return Err(invalid("there is no certificate in the CA bundle".to_owned()));
    }
    Ok(found)
}

/// Whether a CA bundle is there and can be used, before anything is written down about it.
pub fn check_bundle(path: &Path) -> Result<(), ClientError> {
    certificates(&path.to_string_lossy()).map(|_| ())
}

fn bearer_header(token: &SecretString) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| {
        ClientError::InvalidSetting {
            name: "API token".to_owned(),
            reason: "it holds characters no token has (a line break, perhaps)".to_owned(),
        }
    })?;
    value.set_sensitive(true);
    Ok(value)
}
