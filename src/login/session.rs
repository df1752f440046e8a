//! The cookies of a browser's sessions.
//!
//! The console has a session of its own beside ZenML's, in a cookie of its own, which counts only in requests that say
//! [`HEADER`]. Such a session always needs its CSRF token.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum_extra::extract::cookie::{Cookie, SameSite};

use crate::app::App;

/// A request that says `console` here is of the console's session.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-zendo-session");
pub(crate) const CONSOLE: &str = "console";

/// Whether a request is of the console's session.
pub(crate) fn is_console(headers: &HeaderMap) -> bool {
    headers.get(HEADER).is_some_and(|value| value.as_bytes() == CONSOLE.as_bytes())
}

/// The name of the cookie in which the request's session is.
pub(crate) fn cookie_name(app: &App, headers: &HeaderMap) -> String {
    match is_console(headers) {
        true => format!("{}-{CONSOLE}", app.server.cookie_name),
        false => app.server.cookie_name.clone(),
    }
}

/// The cookie that holds the token; `lifetime` in seconds, without one until the browser closes.
pub(crate) fn cookie(
    app: &App,
    token: String,
    lifetime: Option<i64>,
    is_same_site: bool,
    headers: &HeaderMap,
) -> Cookie<'static> {
    if is_console(headers) {
        return console_cookie(app, token, lifetime, headers);
    }
    let is_plain_http = app.config.server_url.as_ref().is_some_and(|url| url.0.starts_with("http://"));
    let mut cookie = empty_cookie(app, headers);
    cookie.set_value(token);
    cookie.set_secure(!is_same_site && !is_plain_http);
    cookie.set_same_site(if is_same_site || is_plain_http { SameSite::Lax } else { SameSite::None });
    cookie.set_max_age(lifetime.map(time::Duration::seconds));
    cookie
}

/// The cookie of the console's session: no other site's page has it sent, and no script reads it.
fn console_cookie(app: &App, token: String, lifetime: Option<i64>, headers: &HeaderMap) -> Cookie<'static> {
    let mut cookie = empty_cookie(app, headers);
    cookie.set_value(token);
    cookie.set_secure(is_https(app, headers));
    cookie.set_same_site(SameSite::Strict);
    cookie.set_max_age(lifetime.map(time::Duration::seconds));
    cookie
}

/// Whether the page is at an address that a cookie can be kept to.
pub(crate) fn is_https(app: &App, headers: &HeaderMap) -> bool {
    let is_https = |url: &str| url.starts_with("https://");
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let server_url = app.config.server_url.as_ref().map(|url| url.0.as_str());
    origin.is_some_and(is_https) || server_url.is_some_and(is_https)
}

/// The cookie that takes the session's away.
pub(crate) fn removal(app: &App, headers: &HeaderMap) -> Cookie<'static> {
    let mut cookie = empty_cookie(app, headers);
    cookie.make_removal();
    cookie
}

/// The cookies that take ZenML's session away, and the console's.
pub(crate) fn removals(app: &App, headers: &HeaderMap) -> [Cookie<'static>; 2] {
    [of_zenml(headers), of_console(headers)].map(|headers| removal(app, &headers))
}

/// The headers of the same request as if it were of ZenML's session.
pub(crate) fn of_zenml(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(HEADER);
    headers
}

/// The headers of the same request as if it were of the console's session.
pub(crate) fn of_console(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.insert(HEADER, HeaderValue::from_static(CONSOLE));
    headers
}

fn empty_cookie(app: &App, headers: &HeaderMap) -> Cookie<'static> {
    let mut cookie = Cookie::build((cookie_name(app, headers), ""))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .build();
    if let Some(domain) = &app.config.auth_cookie_domain {
        cookie.set_domain(domain.0.clone());
    }
    cookie
}
