//! A page that can't be shown, and what to do about it.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::api::Refusal;
use super::shell::Shell;
use crate::address::Address;

/// What the handlers of pages return.
pub(super) type PageResult = Result<Html<String>, PageError>;

/// Why there is no page.
pub(super) enum PageError {
    /// It is somewhere else.
    GoTo(Address),
    /// A page that says so.
    Said(Box<Said>),
}

pub(super) struct Said {
    shell: Shell,
    status: StatusCode,
    title: &'static str,
    message: String,
    headers: HeaderMap,
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage<'a> {
    shell: &'a Shell,
    title: &'a str,
    message: &'a str,
    advice: &'a str,
}

impl PageError {
    pub(super) fn not_found(shell: Shell, message: impl Into<String>) -> Self {
        Said::of(shell, StatusCode::NOT_FOUND, message).into()
    }

    /// For a page that is only for admins.
    pub(super) fn admins_only(shell: Shell) -> Self {
        Said::of(shell, StatusCode::FORBIDDEN, "This page is for admins of this server.").into()
    }

    /// What the API refused.
    pub(super) fn refused(shell: Shell, refusal: Refusal) -> Self {
        Said { headers: refusal.headers, ..Said::of(shell, refusal.status, refusal.message) }.into()
    }
}

impl From<Said> for PageError {
    fn from(said: Said) -> Self {
        Self::Said(Box::new(said))
    }
}

impl Said {
    fn of(shell: Shell, status: StatusCode, message: impl Into<String>) -> Self {
        let title = match status {
            StatusCode::UNAUTHORIZED => "Sign in first",
            StatusCode::FORBIDDEN => "Not for you",
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
            status if status.is_server_error() => "That went wrong",
            _ => "That can't be shown",
        };
        Self { shell, status, title, message: message.into(), headers: HeaderMap::new() }
    }
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "Reload the page, and give the name and password of an account here.",
        StatusCode::FORBIDDEN => "Ask an admin of this server to do it, or to make you one.",
        StatusCode::NOT_FOUND => "It may have been deleted, or belong to somebody else. Go back to the list.",
        StatusCode::TOO_MANY_REQUESTS => "Wait a little, then reload the page.",
        status if status.is_server_error() => {
            "Reload the page in a moment. If it stays like this, the server's log says why."
        }
        _ => "Go back, and try it with other values.",
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let said = match self {
            Self::GoTo(path) => return Redirect::to(path.as_str()).into_response(),
            Self::Said(said) => said,
        };
        let Said { shell, status, title, message, headers } = *said;
        let page = ErrorPage { shell: &shell, title, message: &message, advice: advice(status) };
        let mut response = match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, "a page can't be made");
                (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
            }
        };
        response.headers_mut().extend(headers);
        response
    }
}

/// The page of a template.
///
/// # Errors
/// When it can't be made.
pub(super) fn page(template: &impl Template) -> Result<Html<String>, PageError> {
    template.render().map(Html).map_err(|error| {
        tracing::error!(%error, "a page can't be made");
        let message = "The page could not be made.";
        Said::of(Shell::default(), StatusCode::INTERNAL_SERVER_ERROR, message).into()
    })
}
