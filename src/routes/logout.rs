//! Signing out.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;

use crate::app::AppState;
use crate::audit::{Action, Claim, Origin};
use crate::auth::{layer, session};
use crate::http::error::ApiResult;

/// Ends the session: its token is good for nothing from now on, and its cookie is taken away, whether or not there
/// is one. API tokens that were made in it live on.
pub async fn log_out(
    State(app): State<AppState>,
    origin: Origin,
    headers: HeaderMap,
) -> ApiResult<(CookieJar, Json<()>)> {
    let now = app.clock.now();
    // Only a login token is a session; signing out with a token made for a script leaves the script alone.
    if let Some(token) = layer::login_token(&app, &headers, now).await {
        let claim = Claim::of_token(&app, &token).await;
        let event = app.audit.event(&origin, Action::SignOut).by(claim);
        app.revocations.revoke(token.sign_out(), &event, now).await?;
    }
    Ok((CookieJar::new().add(session::removal(&app, &headers)), Json(())))
}
