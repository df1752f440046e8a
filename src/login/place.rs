//! Where somebody signs in: an address, and a browser that is known again by its cookie.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use axum_extra::extract::cookie::{Cookie, SameSite};

use super::session;
use crate::app::App;
use crate::auth::known_places::{LIFE, Place};
use crate::http::client_address::ClientAddress;

impl Place {
    /// Where a request comes from.
    pub fn of(app: &App, headers: &HeaderMap, address: ClientAddress) -> Self {
        let known = app.sign_in.known_places.browser(&cookie_name(app), headers);
        // Scripts send no Origin, and wouldn't send the cookie back.
        let new = || headers.contains_key(ORIGIN).then(|| app.env.random.uuid());
        Self { browser: known.or_else(new), ..Self::at(address) }
    }

    /// The cookie by which the browser is known again.
    pub fn cookie(&self, app: &App, headers: &HeaderMap) -> Option<Cookie<'static>> {
        let value = app.sign_in.known_places.cookie_value(self.browser?);
        let mut cookie = Cookie::build((cookie_name(app), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .build();
        cookie.set_secure(session::is_https(app, headers));
        cookie.set_max_age(time::Duration::seconds(LIFE.num_seconds()));
        Some(cookie)
    }
}

fn cookie_name(app: &App) -> String {
    format!("{}-browser", app.server.cookie_name)
}
