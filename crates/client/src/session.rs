//! Requests on behalf of whoever is signed in.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::credentials::{Credentials, Origin, choose};
use super::credentials_file::CredentialsFile;
use super::http::HttpClient;
use super::target::Target;
use super::token::Token;
use super::{ClientError, Environment, api, expiry};

/// What a request brought.
type Answered = Result<Value, ClientError>;

/// What the environment and the files have for `target`, whether it can still be used or not.
///
/// # Errors
///
/// [`ClientError::NotSignedIn`] when there is nothing, or a file's error.
pub fn credentials_for(environment: &Environment, target: &Target) -> Result<Credentials, ClientError> {
    let remembered = match environment.credentials_in_memory_only {
        true => None,
        false => CredentialsFile::load(&environment.credentials_file())?.get(&target.server),
    };
    choose(&target.sign_in, target.origin, remembered)
        .ok_or_else(|| ClientError::NotSignedIn { server: target.server.clone() })
}

/// A server and the credentials for it.
pub struct Session {
    http: HttpClient,
    credentials: Credentials,
    /// Where a renewed token is remembered; `None` when the credentials are not from there.
    remember: Option<PathBuf>,
    now: DateTime<Utc>,
}

impl Session {
    /// Takes up what the environment and the files have for `target`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotSignedIn`] when there is nothing, [`ClientError::Expired`] when there is only a token
    /// that is over, or a file's error.
    pub fn open(environment: &Environment, target: &Target, now: DateTime<Utc>) -> Result<Self, ClientError> {
        let server = &target.server;
        let credentials = credentials_for(environment, target)?;
        if let (Some(token), None) = (&credentials.token, &credentials.grant)
            && token.is_expired(now)
        {
            let end = token.expires_at.unwrap_or(now);
            return Err(ClientError::Expired { server: server.clone(), when: expiry::relative(end, now) });
        }
        let remember =
            (credentials.origin == Origin::CredentialsFile).then(|| environment.credentials_file());
        Ok(Self { http: HttpClient::new(target)?, credentials, remember, now })
    }

    /// A session with a token just issued, which nobody has remembered yet.
    pub fn with_token(http: HttpClient, token: Token, now: DateTime<Utc>) -> Self {
        let credentials = Credentials { origin: Origin::CredentialsFile, token: Some(token), grant: None };
        Self { http, credentials, remember: None, now }
    }

    /// The server's connection, for requests that need no credentials.
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// What signs the requests in.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Gets an API route, signed in.
    pub fn get(&mut self, route: &str, query: &[(&str, &str)]) -> Result<Value, ClientError> {
        self.send(|http, bearer| http.get(route, query, Some(bearer)))
    }

    /// Sends a request, signed in.
    ///
    /// Signs in first when there is no usable token, and once more when the server refuses the one there is.
    pub fn send(&mut self, request: impl Fn(&HttpClient, &SecretString) -> Answered) -> Answered {
        self.try_send(request).map_err(|error| match error {
            ClientError::Refused { server, message, .. } => {
                ClientError::Refused { server, message, origin: Some(self.credentials.origin) }
            }
            other => other,
        })
    }

    fn try_send(&mut self, request: impl Fn(&HttpClient, &SecretString) -> Answered) -> Answered {
        let had_token = self.credentials.has_usable_token(self.now);
        let bearer = match had_token {
            true => self.bearer()?,
            false => self.sign_in()?,
        };
        match request(&self.http, &bearer) {
            Err(ClientError::Refused { .. }) if had_token && self.credentials.grant.is_some() => {
                let bearer = self.sign_in()?;
                request(&self.http, &bearer)
            }
            outcome => outcome,
        }
    }

    fn bearer(&self) -> Result<SecretString, ClientError> {
        let token = self.credentials.token.as_ref().ok_or_else(|| self.not_signed_in())?;
        Ok(token.secret.clone())
    }

    fn sign_in(&mut self) -> Result<SecretString, ClientError> {
        let grant = self.credentials.grant.as_ref().ok_or_else(|| self.not_signed_in())?;
        let token = api::sign_in(&self.http, grant, self.now)?;
        self.keep(&token);
        let bearer = token.secret.clone();
        self.credentials.token = Some(token);
        Ok(bearer)
    }

    /// Remembers a renewed token.
    ///
    /// The file is a cache here: when it cannot be written (a read-only mount is common in containers), the
    /// next command signs in again, and this one has no reason to fail.
    fn keep(&self, token: &Token) {
        let Some(path) = &self.remember else { return };
        let outcome = CredentialsFile::load(path).and_then(|mut file| {
            file.renew(self.http.server(), token);
            file.save()
        });
        if let Err(error) = outcome {
            tracing::debug!(%error, "the renewed token was not remembered");
        }
    }

    fn not_signed_in(&self) -> ClientError {
        ClientError::NotSignedIn { server: self.http.server().clone() }
    }
}
