//! The one error of the HTTP side, and the one place where it becomes a status and a body.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::store::{AsStoreError, StoreError, is_duplicate, is_ended, is_too_long, passing, too_long};

/// The exceptions of ZenML's client that an error can become again (contract: BEHAVIOUR.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400
    ValueError,
    /// 401
    CredentialsNotValid,
    /// 401
    AuthorizationException,
    /// 403
    IllegalOperationError,
    /// 404
    KeyError,
    /// 404
    DoesNotExist,
    /// 409
    EntityExistsError,
    /// 501
    NotImplementedError,
}

impl ErrorKind {
    fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::ValueError => (StatusCode::BAD_REQUEST, "ValueError"),
            Self::CredentialsNotValid => (StatusCode::UNAUTHORIZED, "CredentialsNotValid"),
            Self::AuthorizationException => (StatusCode::UNAUTHORIZED, "AuthorizationException"),
            Self::IllegalOperationError => (StatusCode::FORBIDDEN, "IllegalOperationError"),
            Self::KeyError => (StatusCode::NOT_FOUND, "KeyError"),
            Self::DoesNotExist => (StatusCode::NOT_FOUND, "DoesNotExistException"),
            Self::EntityExistsError => (StatusCode::CONFLICT, "EntityExistsError"),
            Self::NotImplementedError => (StatusCode::NOT_IMPLEMENTED, "NotImplementedError"),
        }
    }
}

/// An answer that is not a success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: Value,
    retry_after: Option<u64>,
    /// What `WWW-Authenticate` says.
    challenge: Option<Box<HeaderValue>>,
    /// The failed query behind a 5xx: for the log, and for [`Store::write`](crate::store::Store::write) to see
    /// whether another attempt may succeed.
    source: Option<StoreError>,
}

/// What handlers return.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// `{"detail": [exception, message]}`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (status, name) = kind.parts();
        Self::with(status, json!({"detail": [name, message.into()]}))
    }

    /// `{"detail": message}`, as the web framework of ZenML answers.
    pub fn plain(status: StatusCode, message: impl Into<String>) -> Self {
        Self::with(status, json!({"detail": message.into()}))
    }

    /// 422 for a value that is well formed but means nothing to the resource.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::with(StatusCode::UNPROCESSABLE_ENTITY, json!({"detail": ["ValueError", message.into()]}))
    }

    /// 422 for what the request's validation found: a bare list, without `detail`.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::with(StatusCode::UNPROCESSABLE_ENTITY, json!(["ValueError", message.into()]))
    }

    /// 422 for a value that is longer than what keeps it.
    pub fn too_long(field: &str, most: usize, unit: &str) -> Self {
        Self::unprocessable(format!("{field}: String should have at most {most} {unit}"))
    }

    /// The same refusal in the shape of those of a body: a bare list, without `detail`.
    #[must_use]
    pub fn of_body(mut self) -> Self {
        if self.status == StatusCode::UNPROCESSABLE_ENTITY
            && let Some(detail) = self.body.get_mut("detail")
        {
            self.body = detail.take();
        }
        self
    }

    /// 400 in the shape of OAuth (RFC 6749, section 5.2), for grants whose clients read it.
    pub fn oauth(error: &'static str, description: impl Into<String>) -> Self {
        let body = json!({"error": error, "error_description": description.into(), "error_uri": null});
        Self::with(StatusCode::BAD_REQUEST, body)
    }

    /// 429 when there was no time to answer.
    pub fn busy() -> Self {
        let body = json!({"error": "Server too busy. Please try again later."});
        Self { retry_after: Some(1), ..Self::with(StatusCode::TOO_MANY_REQUESTS, body) }
    }

    /// 429 for an attempt that comes too early.
    pub fn too_early(seconds: u64) -> Self {
        let message = format!("Too many failed attempts. Please try again in {seconds} seconds.");
        Self::limited(message, seconds)
    }

    /// 429 with what limit was met.
    pub fn limited(message: impl Into<String>, retry_after_seconds: u64) -> Self {
        Self { retry_after: Some(retry_after_seconds), ..Self::plain(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// 503 while the database can't do its work; clients try again.
    pub fn store_unavailable(error: &StoreError) -> Self {
        let reason = passing(error).unwrap_or("it does not answer");
        let message = format!("The database can't be used now: {reason}. Please try again later.");
        let body = json!({"detail": ["RuntimeError", message]});
        Self { retry_after: Some(1), ..Self::with(StatusCode::SERVICE_UNAVAILABLE, body) }
    }

    /// 403 for a token that is good but not for this, with the scope that it lacks (RFC 6750, section 3.1).
    pub fn insufficient_scope(message: impl Into<String>, missing: Option<&str>) -> Self {
        let scope = missing.map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
        let challenge = HeaderValue::try_from(format!("Bearer error=\"insufficient_scope\"{scope}"));
        Self {
            challenge: challenge.ok().map(Box::new),
            ..Self::new(ErrorKind::IllegalOperationError, message)
        }
    }

    /// 500, with no more than that: the reason goes to the log.
    pub fn internal() -> Self {
        Self::with(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({"detail": ["RuntimeError", "An unexpected error occurred."]}),
        )
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The code of one in the shape of OAuth.
    pub fn oauth_code(&self) -> Option<&str> {
        self.body.get("error")?.as_str()
    }

    fn with(status: StatusCode, body: Value) -> Self {
        Self { status, body, retry_after: None, challenge: None, source: None }
    }
}

/// What it says to whoever didn't ask over HTTP: the reason, and the failed query behind it.
impl std::fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(source) = self.source.as_ref().filter(|_| self.status.is_server_error()) {
            return write!(formatter, "the store can't be read or written: {source}");
        }
        let said = self.body.get("detail").or_else(|| self.body.get("error_description"));
        let said = said.unwrap_or(&self.body);
        let reason = said.get(1).unwrap_or(said).as_str().unwrap_or("the request can't be answered");
        // ZenML's clients show a KeyError without its quotes.
        formatter.write_str(reason.trim_matches('"'))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(error) = &self.source {
            tracing::error!(%error, "a query failed");
        }
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, *challenge);
        }
        response
    }
}

/// A query that failed for a reason no request can mend.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let answer = match error {
            _ if let Some(long) = too_long(&error) => {
                return Self::too_long(&long.column, long.most, long.unit);
            }
            _ if is_too_long(&error) => {
                return Self::unprocessable("A value is longer than this server's database can keep it.");
            }
            _ if is_ended(&error) => return Self::busy(),
            _ if passing(&error).is_some() => Self::store_unavailable(&error),
            _ => Self::internal(),
        };
        Self { source: Some(error), ..answer }
    }
}

/// What becomes of a row that can't be written: `refusal`, when a unique key has refused it.
pub fn if_duplicate(refusal: impl FnOnce() -> ApiError) -> impl FnOnce(StoreError) -> ApiError {
    move |error| if is_duplicate(&error) { refusal() } else { error.into() }
}

impl AsStoreError for ApiError {
    fn as_store_error(&self) -> Option<&StoreError> {
        self.source.as_ref()
    }
}
