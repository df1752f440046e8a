//! Signing out.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;

use super::origin::claim_of_token;
use super::{oidc, principal, session};
use crate::app::{App, AppState};
use crate::audit::{Action, Origin};
use crate::auth::AuthenticationError;
use crate::auth::claims::VerifiedToken;
use crate::http::error::ApiResult;
use crate::http::page::Page;
use crate::tasks;

/// Ends the session: its token is good for nothing from now on, and its cookie is taken away, whether or not there
/// is one. API tokens that were made in it live on.
pub(crate) async fn log_out(
    State(app): State<AppState>,
    origin: Origin,
    headers: HeaderMap,
) -> ApiResult<(CookieJar, Json<()>)> {
    let now = app.env.clock.now();
    let token = principal::login_token(&app, &headers).await;
    // Neither a link nor a picture of another site's page signs anybody out; it takes no cookie away either.
    if !Page::of(&app.config, &headers).may_sign_out(&headers) && !is_meant(&app, &headers, token.as_ref()) {
        return Err(AuthenticationError::ForeignPage.into());
    }
    // Only a login token is a session; signing out with a token made for a script leaves the script alone.
    if let Some(token) = token {
        tasks::must_finish();
        let claim = claim_of_token(&app, &token).await;
        let event = app.audit.event(&origin, Action::SignOut).by(claim);
        app.auth.revocations.revoke(token.sign_out(), &event, now).await?;
        // One sign-in by the provider has given two sessions, and one sign-out ends both.
        if oidc::sign_out_of_other(&app, &token, &origin).await? {
            let both = session::removals(&app, &headers).into_iter().fold(CookieJar::new(), CookieJar::add);
            return Ok((both, Json(())));
        }
    }
    Ok((CookieJar::new().add(session::removal(&app, &headers)), Json(())))
}

/// Whether the sender of the request, and not only a browser, knows the session.
fn is_meant(app: &App, headers: &HeaderMap, token: Option<&VerifiedToken>) -> bool {
    let Some(token) = token else { return false };
    let csrf_token =
        headers.get(principal::CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match token.claims.session_id {
        Some(session_id) => app.auth.csrf_tokens.verify(session_id, csrf_token),
        None => !principal::is_by_cookie(app, headers),
    }
}
