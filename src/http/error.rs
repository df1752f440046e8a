//! The one error of the HTTP side, and the one place where it becomes a status and a body.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::store::{AsStoreError, StoreError, is_duplicate, is_ended, is_too_long, passing, too_long};

/// An answer that is not a success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    reason: Reason,
    retry_after: Option<u64>,
    /// What `WWW-Authenticate` says.
    challenge: Option<Box<HeaderValue>>,
    /// The failed query behind a 5xx: for the log, and for [`Store::write`](crate::store::Store::write) to see
    /// whether another attempt may succeed.
    source: Option<StoreError>,
}

/// What is told, in one of the shapes that ZenML has for it (contract: BEHAVIOUR.md).
#[derive(Debug)]
enum Reason {
    /// With the exception that ZenML's client raises: `{"detail": [exception, message]}`.
    Exception(&'static str, Box<str>),
    /// As ZenML's web framework answers: `{"detail": message}`.
    Plain(Box<str>),
    /// What a request's validation found: `["ValueError", message]`.
    Invalid(Box<str>),
    /// RFC 6749, section 5.2.
    OAuth {
        error: &'static str,
        description: String,
    },
    Busy,
}

/// What handlers return.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// 400 for a request that means nothing here.
    pub fn value(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::BAD_REQUEST, "ValueError", message)
    }

    /// 401 for a credential that is not good.
    pub fn credentials(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::UNAUTHORIZED, "CredentialsNotValid", message)
    }

    /// 401 for whoever is nobody here.
    pub fn authorization(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::UNAUTHORIZED, "AuthorizationException", message)
    }

    /// 403 for what this principal may not do.
    pub fn illegal(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::FORBIDDEN, "IllegalOperationError", message)
    }

    /// 404 for what is not there.
    pub fn key(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::NOT_FOUND, "KeyError", message)
    }

    /// 404 for what a request refers to and is not there.
    pub fn does_not_exist(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::NOT_FOUND, "DoesNotExistException", message)
    }

    /// 409 for what is there already.
    pub fn exists(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::CONFLICT, "EntityExistsError", message)
    }

    /// 501 for what this server does not do.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::NOT_IMPLEMENTED, "NotImplementedError", message)
    }

    /// `{"detail": message}`, as the web framework of ZenML answers.
    pub fn plain(status: StatusCode, message: impl Into<String>) -> Self {
        Self::with(status, Reason::Plain(message.into().into()))
    }

    /// 422 for a value that is well formed but means nothing to the resource.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::UNPROCESSABLE_ENTITY, "ValueError", message)
    }

    /// 422 for what the request's validation found: a bare list, without `detail`.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::with(StatusCode::UNPROCESSABLE_ENTITY, Reason::Invalid(message.into().into()))
    }

    /// 422 for a value that is longer than what keeps it.
    pub fn too_long(field: &str, most: usize, unit: &str) -> Self {
        Self::unprocessable(format!("{field}: String should have at most {most} {unit}"))
    }

    /// The same refusal in the shape of those of a body: a bare list, without `detail`.
    #[must_use]
    pub fn of_body(mut self) -> Self {
        if let (StatusCode::UNPROCESSABLE_ENTITY, Reason::Exception(_, message)) =
            (self.status, &mut self.reason)
        {
            self.reason = Reason::Invalid(std::mem::take(message));
        }
        self
    }

    /// 400 in the shape of OAuth (RFC 6749, section 5.2), for grants whose clients read it.
    pub fn oauth(error: &'static str, description: impl Into<String>) -> Self {
        Self::with(StatusCode::BAD_REQUEST, Reason::OAuth { error, description: description.into() })
    }

    /// 429 when there was no time to answer.
    pub fn busy() -> Self {
        Self { retry_after: Some(1), ..Self::with(StatusCode::TOO_MANY_REQUESTS, Reason::Busy) }
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
        let unavailable = Self::exception(StatusCode::SERVICE_UNAVAILABLE, "RuntimeError", message);
        Self { retry_after: Some(1), ..unavailable }
    }

    /// 503 for what can't be told now.
    pub fn unavailable(message: impl Into<String>, retry_after_seconds: u64) -> Self {
        let unavailable = Self::plain(StatusCode::SERVICE_UNAVAILABLE, message);
        Self { retry_after: Some(retry_after_seconds), ..unavailable }
    }

    /// 403 for a token that is good but not for this, with the scope that it lacks (RFC 6750, section 3.1).
    pub fn insufficient_scope(message: impl Into<String>, missing: Option<&str>) -> Self {
        let scope = missing.map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
        let challenge = HeaderValue::try_from(format!("Bearer error=\"insufficient_scope\"{scope}"));
        Self { challenge: challenge.ok().map(Box::new), ..Self::illegal(message) }
    }

    /// 500, with no more than that: the reason goes to the log.
    pub fn internal() -> Self {
        let message = "An unexpected error occurred.";
        Self::exception(StatusCode::INTERNAL_SERVER_ERROR, "RuntimeError", message)
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is told, without its shape.
    pub fn message(&self) -> &str {
        match &self.reason {
            Reason::Exception(_, message) | Reason::Plain(message) | Reason::Invalid(message) => message,
            Reason::OAuth { description, .. } => description,
            Reason::Busy => "the server is busy",
        }
    }

    /// The code of one in the shape of OAuth.
    pub fn oauth_code(&self) -> Option<&str> {
        match self.reason {
            Reason::OAuth { error, .. } => Some(error),
            _ => None,
        }
    }

    fn exception(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self::with(status, Reason::Exception(name, message.into().into()))
    }

    fn with(status: StatusCode, reason: Reason) -> Self {
        Self { status, reason, retry_after: None, challenge: None, source: None }
    }
}

impl Reason {
    fn body(&self) -> Value {
        match self {
            Self::Exception(name, message) => json!({"detail": [name, message]}),
            Self::Plain(message) => json!({"detail": message}),
            Self::Invalid(message) => json!(["ValueError", message]),
            Self::OAuth { error, description } => {
                json!({"error": error, "error_description": description, "error_uri": null})
            }
            Self::Busy => json!({"error": "Server too busy. Please try again later."}),
        }
    }
}

/// What it says to whoever didn't ask over HTTP: the reason, and the failed query behind it.
impl std::fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(source) = self.source.as_ref().filter(|_| self.status.is_server_error()) {
            return write!(formatter, "the store can't be read or written: {source}");
        }
        formatter.write_str(match &self.reason {
            // ZenML's clients show a KeyError without its quotes.
            Reason::Exception(_, message) | Reason::Plain(message) | Reason::Invalid(message) => {
                message.trim_matches('"')
            }
            Reason::OAuth { description, .. } => description,
            Reason::Busy => "the request can't be answered",
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(error) = &self.source {
            tracing::error!(%error, "a query failed");
        }
        let mut response = (self.status, Json(self.reason.body())).into_response();
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
pub(crate) fn if_duplicate(refusal: impl FnOnce() -> ApiError) -> impl FnOnce(StoreError) -> ApiError {
    if_taken(Some(()), |()| refusal())
}

/// What becomes of a row that can't be written: `refusal` of the name, if it is to have one, when a unique key has refused
/// it.
pub(crate) fn if_taken<N>(
    name: Option<N>,
    refusal: impl FnOnce(N) -> ApiError,
) -> impl FnOnce(StoreError) -> ApiError {
    move |error| match name {
        Some(name) if is_duplicate(&error) => refusal(name),
        _ => error.into(),
    }
}

impl AsStoreError for ApiError {
    fn as_store_error(&self) -> Option<&StoreError> {
        self.source.as_ref()
    }
}
