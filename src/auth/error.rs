//! Why a request's credential is refused.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::workload::EndedWorkload;
use crate::http::error::{ApiError, ErrorKind};
use crate::store::StoreError;

/// A refused credential: answered with 401, the reason, and `WWW-Authenticate: Bearer` (RFC 6750, section 3).
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    #[error("Not authenticated")]
    NoCredential,
    #[error("Authentication error: error decoding access token: Invalid JWT token: {0}.")]
    InvalidToken(String),
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
    #[error("Authentication error: {0} tokens are not part of zendo yet")]
    UnsupportedScope(&'static str),
    #[error("Authentication error: {0}")]
    EndedWorkload(#[from] EndedWorkload),
    #[error("the store did not answer: {0}")]
    Store(#[from] std::sync::Arc<StoreError>),
}

impl IntoResponse for AuthenticationError {
    fn into_response(self) -> Response {
        let scheme = match self {
            Self::NoBasicCredential | Self::BasicRefused(_) => "Basic",
            _ => "Bearer",
        };
        let error = match self {
            Self::Store(source) => {
                tracing::error!(error = %source, "an account could not be read");
                ApiError::store_unavailable()
            }
            Self::BasicRefused(error) => error,
            Self::NoCredential | Self::NoBasicCredential => {
                ApiError::plain(StatusCode::UNAUTHORIZED, self.to_string())
            }
            reason => ApiError::new(ErrorKind::CredentialsNotValid, reason.to_string()),
        };
        let mut response = error.into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}
