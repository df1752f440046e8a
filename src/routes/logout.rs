//! Signing out.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;

use crate::app::AppState;
use crate::audit::{Action, Claim, Origin};
use crate::auth::{AuthenticationError, layer, session};
use crate::http::error::ApiResult;
use crate::store::Id;

/// Ends the session: its token is good for nothing from now on, and its cookie is taken away, whether or not there
/// is one. Tokens that were made with it live on.
pub async fn log_out(
    State(app): State<AppState>,
    origin: Origin,
    headers: HeaderMap,
) -> ApiResult<(CookieJar, Json<()>)> {
    let now = app.clock.now();
    // Only a login token is a session; signing out with a token made for a script leaves the script alone.
    if let Some(token) = layer::login_token(&app, &headers, now)
        && let Some(jti) = token.claims.jti
    {
        app.revocations.revoke(jti, token.claims.exp, now).await?;
        let account = app.identities.account(token.claims.sub).await.map_err(AuthenticationError::from)?;
        let account = account.map(|account| (account.id, account.name.clone()));
        let claim = Claim { account, token_id: Some(Id(jti)), ..Claim::of("token") };
        app.audit.record(app.audit.event(&origin, Action::SignOut).by(claim)).await?;
    }
    Ok((CookieJar::new().add(session::removal(&app)), Json(())))
}
