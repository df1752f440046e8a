//! The end of an account, for a time, and its way back.

use axum::Json;
use axum::extract::State;
use sea_query::{Expr, ExprTrait};
use secrecy::ExposeSecret;

use super::update::{Changes, TokensEnd, UserUpdate, make};
use super::{credentials, rules, updated_user};
use crate::accounts::users::{self, UserResponse};
use crate::app::AppState;
use crate::audit::{Claim, Origin};
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathName;
use crate::store::Timestamp;

/// Deactivates a user. The token in the answer lets them come back, with a new password.
pub(crate) async fn deactivate_user(
    cx: Context,
    origin: Origin,
    PathName(name_or_id): PathName,
) -> ApiResult<Json<UserResponse>> {
    rules::kept_here(cx.config.auth_scheme)?;
    let user = users::find(&cx.store, &name_or_id).await?;
    if rules::is_self(&cx.principal, &user) {
        return Err(rules::forbidden("Nobody may deactivate themselves; ask another admin."));
    }
    rules::admins_only(&cx.principal, "deactivate users")?;
    if user.body.is_service_account {
        return Err(users::unknown(name_or_id));
    }
    let (token, hash) = credentials::new_activation_token(&cx).await?;
    let now = cx.now();
    let tokens_end = TokensEnd::at(cx.store.engine(), now);
    let changes = Changes::new(now).deactivated(Some(&hash), tokens_end);
    let user = make(&cx, &origin, &user, &changes).await?;
    Ok(Json(user.response(true).with_activation_token(token)))
}

/// Activates the user whom the activation token was made for, once. A way in, and as those it takes the whole application
/// ([`crate::login`]).
pub(crate) async fn activate_user(
    State(app): State<AppState>,
    origin: Origin,
    PathName(name_or_id): PathName,
    JsonBody(mut update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    rules::kept_here(app.config.auth_scheme)?;
    let (user, hash) = credentials::prove_activation(&app, &name_or_id, &mut update, &origin).await?;
    if update.password.is_none() && !user.has_password {
        return Err(ApiError::unprocessable("password: give one, since this user has none yet."));
    }
    let now = Timestamp::new(app.env.clock.now());
    let mut changes = Changes::new(now).activated().profile(&update).email(&update);
    if let Some(password) = update.password.take() {
        changes = credentials::set_password(
            &app.auth.passwords,
            app.store.engine(),
            &*app.env.clock,
            changes,
            password,
        )
        .await?;
    }
    let mut statement = changes.statement(user.id);
    // Of two activations at once, one wins.
    let is_waiting =
        Expr::col("activation_token").eq(hash.expose_secret()).and(Expr::col("active").eq(false));
    statement.and_where(is_waiting);
    let event = changes.event(&app.audit, &origin, user.id, &user.name);
    let claim = Claim { account: Some((user.id, user.name.clone())), ..Claim::of("activation_token") };
    let touched =
        changes.make_with(&app.store, app.sign_in.ways_in, (user.id, &statement), &event.by(claim)).await?;
    app.auth.identities.forget(user.id.0).await;
    match touched {
        0 => Err(credentials::refused("This activation token was used already.")),
        _ => Ok(Json(updated_user(&app.store, user.id).await?.response(true))),
    }
}
