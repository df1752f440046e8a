//! Signing out in a browser.

use axum::Json;
use axum::extract::State;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

use crate::app::AppState;
use crate::http::openapi::ErrorModel;

/// Takes the session's cookie away, whether or not there is one.
#[utoipa::path(get, path = "/api/v1/logout", operation_id = "logout_api_v1_logout_get", tag = "auth",
    security(()),
    responses((status = 200, body = ()), (status = 401, body = ErrorModel)))]
pub async fn log_out(State(app): State<AppState>) -> (CookieJar, Json<()>) {
    let mut cookie = Cookie::build((app.cookie_name.clone(), ""))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .build();
    if let Some(domain) = &app.config.auth_cookie_domain {
        cookie.set_domain(domain.0.clone());
    }
    cookie.make_removal();
    (CookieJar::new().add(cookie), Json(()))
}
