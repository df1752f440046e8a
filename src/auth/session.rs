//! The cookies of a browser's sessions, and whether a sign-in came from another site's page.
//!
//! The console has a session of its own beside ZenML's, in a cookie of its own, which counts only in requests that say
//! [`HEADER`]. Such a session always needs its CSRF token.

use axum::http::header::{HOST, ORIGIN, REFERER};
use axum::http::{HeaderMap, HeaderName};
use axum_extra::extract::cookie::{Cookie, SameSite};

use crate::app::App;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// A request that says `console` here is of the console's session.
pub const HEADER: HeaderName = HeaderName::from_static("x-zendo-session");
pub const CONSOLE: &str = "console";

/// Whether a request is of the console's session.
pub fn is_console(headers: &HeaderMap) -> bool {
    headers.get(HEADER).is_some_and(|value| value.as_bytes() == CONSOLE.as_bytes())
}

/// The name of the cookie in which the request's session is.
pub fn cookie_name(app: &App, headers: &HeaderMap) -> String {
    match is_console(headers) {
        true => format!("{}-{CONSOLE}", app.cookie_name),
        false => app.cookie_name.clone(),
    }
}

/// A sign-in from another site's page gets a token that needs a CSRF token beside it.
pub fn is_same_site(app: &App, headers: &HeaderMap) -> bool {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = header(ORIGIN).or_else(|| header(REFERER)).and_then(host_of) else {
        return true;
    };
    let configured = match (&app.config.auth_cookie_domain, &app.config.server_url) {
        (Some(domain), _) => Some(domain.0.trim_start_matches('.').to_owned()),
        (None, Some(url)) => host_of(&url.0),
        (None, None) => None,
    };
    let asked = || header(FORWARDED_HOST).or_else(|| header(HOST)).map(without_port);
    let Some(server) = configured.or_else(asked) else { return true };
    is_same_or_subdomain(&origin.to_ascii_lowercase(), &server.to_ascii_lowercase())
}

fn is_same_or_subdomain(host: &str, of: &str) -> bool {
    host == of || host.strip_suffix(of).is_some_and(|front| front.ends_with('.'))
}

fn host_of(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(str::to_owned)
}

fn without_port(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.to_owned()
}

/// The cookie that holds the token; `lifetime` in seconds, without one until the browser closes.
pub fn cookie(
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
    let is_https = |url: &str| url.starts_with("https://");
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let server_url = app.config.server_url.as_ref().map(|url| url.0.as_str());
    let mut cookie = empty_cookie(app, headers);
    cookie.set_value(token);
    cookie.set_secure(origin.is_some_and(is_https) || server_url.is_some_and(is_https));
    cookie.set_same_site(SameSite::Strict);
    cookie.set_max_age(lifetime.map(time::Duration::seconds));
    cookie
}

/// The cookie that takes the session's away.
pub fn removal(app: &App, headers: &HeaderMap) -> Cookie<'static> {
    let mut cookie = empty_cookie(app, headers);
    cookie.make_removal();
    cookie
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_a_site() {
        assert_eq!(without_port("a.example:8080"), "a.example");
        assert_eq!(without_port("a.example"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }

    #[test]
    fn a_subdomain_is_the_same_site_and_a_longer_name_is_not() {
        assert!(is_same_or_subdomain("zen.example", "zen.example"));
        assert!(is_same_or_subdomain("a.zen.example", "zen.example"));
        assert!(!is_same_or_subdomain("example", "zen.example"));
        assert!(!is_same_or_subdomain("evilzen.example", "zen.example"));
    }
}
