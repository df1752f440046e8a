//! Taking tokens back by their text, or all of an account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::REVOKE;
use crate::accounts::users::{UserRow, find_account_named};
use crate::app::{Auth, AuthStore};
use crate::audit::{Action, Audit, Event, Origin};
use crate::auth::{Principal, Revocation, VerifiedToken, api_key};
use crate::env::Environment;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::login::principal::{self, MaybePrincipal};
use crate::store::{Id, Store, Timestamp};

/// What to revoke: exactly one of these.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RevokeRequest {
    /// The text of a token.
    #[schema(value_type = Option<String>)]
    token: Option<SecretString>,
    /// All tokens of whoever asks, sessions and the one that asks too.
    all: Option<bool>,
    /// All tokens of the account with that id or name, sessions too; for admins.
    user: Option<String>,
}

/// The answer to a revocation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevokeResponse {
    /// Whether there was something to revoke: false for a text that is no token of this server.
    pub(super) revoked: bool,
    /// How many API tokens ended with it; not there when none did.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) descendants: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Revokes a token by its text, for whoever holds it, or all tokens of an account, with what was made from them.
#[utoipa::path(
    post,
    path = REVOKE,
    operation_id = "revoke_api_tokens",
    tag = "api_tokens",
    summary = "Revoke API Tokens",
    description = "Say one of token, all and user. Whoever holds a token's text may revoke it, without signing in.",
    request_body = RevokeRequest,
    responses((status = 200, description = "Revoked.", body = RevokeResponse))
)]
pub(crate) async fn revoke(
    State(auth): State<Arc<Auth>>,
    State(audit): State<Arc<Audit>>,
    State(env): State<Environment>,
    State(AuthStore(store)): State<AuthStore>,
    caller: MaybePrincipal,
    origin: Origin,
    JsonBody(request): JsonBody<RevokeRequest>,
) -> ApiResult<Json<RevokeResponse>> {
    let now = env.clock.now();
    // From here on the caller may be gone: an event has been made.
    let event = audit.event(&origin, Action::TokenRevoked);
    let revoked = match request {
        RevokeRequest { token: Some(token), all: None | Some(false), user: None } => {
            let token = token_to_revoke(&auth, &token).await?;
            let event = match caller.known() {
                Some(principal) => event.by(principal.claim()),
                None => event,
            };
            token.map(|token| (token.revocation(), event.on("api_token", Id(token.id), "")))
        }
        RevokeRequest { token: None, all: Some(true), user: None } => {
            let principal = caller.acting()?;
            Some(all_of(now, &principal.user, event.by(principal.claim())))
        }
        RevokeRequest { token: None, all: None | Some(false), user: Some(user) } => {
            let principal = caller.acting()?;
            let user = find_user(&store, &principal, &user).await?;
            Some(all_of(now, &user, event.by(principal.claim())))
        }
        _ => {
            let message = "Say one of token, all and user.";
            return Err(ApiError::value(message));
        }
    };
    let Some((revocation, event)) = &revoked else {
        return Ok(Json(RevokeResponse { revoked: false, descendants: 0 }));
    };
    auth.register.flush().await?;
    let descendants = auth.revocations.revoke(*revocation, event, now).await?;
    Ok(Json(RevokeResponse { revoked: true, descendants }))
}

async fn token_to_revoke(auth: &Auth, token: &SecretString) -> ApiResult<Option<VerifiedToken>> {
    let token = token.expose_secret().trim();
    if token.starts_with(api_key::PREFIX) {
        let message =
            "That is an API key, no token: deactivate or rotate it where its service account is kept.";
        return Err(ApiError::value(message));
    }
    match principal::recognise(auth, token).await {
        Ok(token) => Ok(Some(token)),
        // What isn't ours is nothing to us.
        Err(error) if error.is_refusal() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All that goes back to a proof up to now.
fn all_of(now: DateTime<Utc>, user: &UserRow, event: Event) -> (Revocation, Event) {
    let until = last_date(now, user.password_changed_at);
    let kind = if user.body.is_service_account { "service_account" } else { "user" };
    (Revocation::AllOf { user_id: user.id.0, until }, event.on(kind, user.id, &user.name))
}

/// The last moment that a token may be dated which was made up to now. Older releases have dated one at the password's
/// change, if that was noted by a whole second which had not come yet (a MySQL DATETIME has no fraction).
fn last_date(now: DateTime<Utc>, password_changed_at: Option<Timestamp>) -> DateTime<Utc> {
    let changed = password_changed_at.map(Timestamp::to_utc);
    changed.filter(|changed| *changed > now && *changed - now <= TimeDelta::seconds(1)).unwrap_or(now)
}

async fn find_user(store: &Store, principal: &Principal, name_or_id: &str) -> ApiResult<UserRow> {
    if !principal.user.body.is_admin {
        let message = "Only an admin revokes the tokens of others.";
        return Err(ApiError::illegal(message));
    }
    let found = find_account_named(store, name_or_id).await?;
    found.ok_or_else(|| {
        let message = format!("\"There is no account with the name or ID '{name_or_id}'.\"");
        ApiError::key(message)
    })
}
