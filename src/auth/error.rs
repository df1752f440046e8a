//! Why a request's credential is refused.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::jwt::SigningError;
use super::password::PasswordError;
use super::workload::EndedWorkload;
use crate::http::error::ApiError;
use crate::store::StoreError;

/// A refused credential: answered with 401, the reason, and `WWW-Authenticate: Bearer` (RFC 6750, section 3); a token
/// that is good but not for this with 403, and what it lacks.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    #[error("Not authenticated")]
    NoCredential,
    #[error("Authentication error: error decoding access token: Invalid JWT token: {0}.")]
    InvalidToken(String),
    #[error(
        "Authentication error: error decoding access token: Invalid JWT token: The key it names is not known."
    )]
    UnknownKey,
    #[error("Authentication error: missing CSRF token")]
    MissingCsrfToken,
    #[error("Authentication error: CSRF token does not match the access token")]
    WrongCsrfToken,
    #[error("Authentication error: error retrieving token account {0}")]
    UnknownAccount(uuid::Uuid),
    #[error("Authentication error: the access token was revoked")]
    Revoked,
    #[error("Not authenticated")]
    NoBasicCredential,
    #[error("the name and password were refused")]
    BasicRefused(ApiError),
    #[error(
        "Authentication error: local account {0} is not allowed to authenticate with external authentication"
    )]
    LocalAccount(String),
    #[error("Authentication error: account {0} is not active")]
    InactiveAccount(String),
    #[error(
        "Authentication error: access token for user {0} was issued before the user's password was changed"
    )]
    PasswordChanged(String),
    #[error("Authentication error: access token for user {0} was issued before the account was deactivated")]
    Deactivated(String),
    #[error("Authentication error: error decoding API key")]
    UnreadableApiKey,
    #[error("Authentication error: error retrieving API key {0}")]
    UnknownApiKey(uuid::Uuid),
    #[error("Authentication error: could not verify key value for API key {0}")]
    WrongApiKey(String),
    #[error("Authentication error: API key {0} is not active")]
    InactiveApiKey(String),
    #[error("Authentication error: API key {0} has expired")]
    ExpiredApiKey(String),
    #[error("Authentication error: API key {0} was rotated since the access token was made from it")]
    RotatedApiKey(String),
    #[error("Authentication error: API key {0} was made with an API token, and has ended with it")]
    EndedApiKey(String),
    #[error("Authentication error: error retrieving token device {0}")]
    UnknownDevice(uuid::Uuid),
    #[error("Authentication error: device {0} does not belong to the token's user")]
    ForeignDevice(uuid::Uuid),
    #[error("Authentication error: device {0} is not active")]
    InactiveDevice(uuid::Uuid),
    #[error("Authentication error: device {0} has expired")]
    ExpiredDevice(uuid::Uuid),
    #[error("Authentication error: device authorization is not supported.")]
    NoDevices,
    #[error("the check could not be made: {0}")]
    Password(#[from] PasswordError),
    /// The permission that is missing, as text.
    #[error("This token lacks the scope {0}.")]
    InsufficientScope(String),
    #[error(
        "A page of another origin may not act with what this browser keeps for this server, unless \
         ZENML_SERVER_CORS_ALLOW_ORIGINS lists its origin."
    )]
    ForeignPage,
    #[error("This token was narrowed, and credentials are made and changed with all rights only.")]
    Downscoped,
    #[error(
        "This token is bound to a piece of work, and changes no accounts, credentials, settings or stacks."
    )]
    BoundToWork,
    #[error(
        "A device is approved by a person's own sign-in only, not with a token, an API key or another device."
    )]
    NoOwnSignIn,
    #[error(
        "An API key is rotated, and its end and addresses are changed, by somebody who is signed in: what they make of it \
         would end with the token that this request is made with."
    )]
    NotSignedIn,
    #[error("This token is for other projects.")]
    OtherProject,
    #[error("This token is for some projects only, and may not change what belongs to none.")]
    OutsideProjects,
    #[error("This credential may not be used from {0}: it is for other addresses.")]
    Elsewhere(std::net::IpAddr),
    #[error("Authentication error: {0}")]
    EndedWorkload(#[from] EndedWorkload),
    #[error("the store did not answer: {0}")]
    Store(#[from] std::sync::Arc<StoreError>),
}

/// At login the same reasons are told without a challenge: whoever signs in knows how.
impl From<AuthenticationError> for ApiError {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Store(source) => {
                tracing::error!(error = %source, "an account could not be read");
                Self::store_unavailable(&source)
            }
            AuthenticationError::Password(error) => error.into(),
            AuthenticationError::BasicRefused(error) => error,
            AuthenticationError::NoCredential | AuthenticationError::NoBasicCredential => {
                Self::plain(StatusCode::UNAUTHORIZED, error.to_string())
            }
            AuthenticationError::InsufficientScope(_)
            | AuthenticationError::Downscoped
            | AuthenticationError::BoundToWork
            | AuthenticationError::NoOwnSignIn
            | AuthenticationError::NotSignedIn
            | AuthenticationError::OtherProject
            | AuthenticationError::OutsideProjects => {
                Self::insufficient_scope(error.to_string(), error.missing_scope())
            }
            AuthenticationError::ForeignPage | AuthenticationError::Elsewhere(_) => {
                Self::illegal(error.to_string())
            }
            reason => Self::credentials(reason.to_string()),
        }
    }
}

/// Why a sign-in was refused, if it was an attempt at one: no invalid form, and no device that waits.
pub(crate) fn refusal(error: &ApiError) -> Option<String> {
    match error.status() {
        // How long there is to wait differs each time.
        StatusCode::TOO_MANY_REQUESTS => Some("too many failed attempts".to_owned()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(error.to_string()),
        _ => error.oauth_code().filter(|code| *code == "access_denied").map(|_| error.to_string()),
    }
}

impl AuthenticationError {
    /// Whether a credential was judged and refused: anything else says nothing about it.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Password(_) | Self::BasicRefused(_))
    }

    /// Whether it is worth a record: somebody came with a credential that was good once, or with a wrong one. One that
    /// has merely expired comes from every forgetful script.
    pub fn is_recorded(&self) -> bool {
        !matches!(
            self,
            Self::NoCredential
                | Self::NoBasicCredential
                | Self::InvalidToken(_)
                | Self::MissingCsrfToken
                | Self::ForeignPage
                // Recorded where the name is known.
                | Self::BasicRefused(_)
                | Self::Password(_)
                | Self::EndedWorkload(_)
                | Self::Store(_)
        )
    }

    /// The scope that the token would have to have, if that is what it lacks.
    fn missing_scope(&self) -> Option<&str> {
        match self {
            Self::InsufficientScope(permission) => Some(permission),
            Self::Downscoped => Some("*:write"),
            _ => None,
        }
    }
}

impl IntoResponse for AuthenticationError {
    fn into_response(self) -> Response {
        let scheme = match self {
            Self::NoBasicCredential | Self::BasicRefused(_) => "Basic",
            _ => "Bearer",
        };
        let mut response = ApiError::from(self).into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}

impl From<SigningError> for ApiError {
    fn from(error: SigningError) -> Self {
        tracing::error!(%error, "a token could not be signed");
        Self::internal()
    }
}

impl From<jsonwebtoken::errors::Error> for ApiError {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        tracing::error!(%error, "a token could not be signed");
        Self::internal()
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        tracing::error!(%error, "a password could not be hashed or checked");
        Self::internal()
    }
}
