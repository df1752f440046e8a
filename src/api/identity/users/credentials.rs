//! Passwords and activation tokens of users: how they are made, and how they are proved.

use secrecy::{ExposeSecret, SecretString};

use super::rules;
use super::update::{Changes, NewPassword, TokensEnd, UserUpdate};
use crate::accounts::users::{self, ActivationRow, PasswordRow, UserRow};
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::auth::Passwords;
use crate::auth::known_places::Place;
use crate::env::clock::Clock;
use crate::http::error::{ApiError, ApiResult};
use crate::login::attempt::{Attempt, Guessed};
use crate::store::{Engine, Insert, Timestamp};

/// An activation token, and its hash for the store.
pub(super) async fn new_activation_token(app: &App) -> ApiResult<(SecretString, SecretString)> {
    let token = SecretString::from(app.env.random.hex::<32>());
    let hash = app.auth.passwords.hash(token.clone()).await?;
    Ok((token, hash))
}

/// Adds the first password to a new user's row, who is active with it.
pub(super) async fn insert_password(
    passwords: &Passwords,
    engine: Engine,
    insert: Insert,
    new: NewPassword,
    now: Timestamp,
) -> ApiResult<Insert> {
    let hash = passwords.hash(new.into_secret()).await?;
    let insert = insert.set("active", true).set("password", hash.expose_secret());
    Ok(insert.set("password_changed_at", engine.not_before(now)))
}

/// Adds a new password to the changes.
pub(super) async fn set_password(
    passwords: &Passwords,
    engine: Engine,
    clock: &dyn Clock,
    changes: Changes,
    new: NewPassword,
) -> ApiResult<Changes> {
    let hash = passwords.hash(new.into_secret()).await?;
    // Asked for after the hashing: a token that was issued during it is one from before the change too.
    let now = Timestamp::new(clock.now());
    Ok(changes.password(&hash, TokensEnd::at(engine, now)))
}

/// Adds a new password of one's own to the changes, if one is given and the old one is right.
pub(super) async fn change_password(
    app: &App,
    user: &UserRow,
    update: &mut UserUpdate,
    changes: Changes,
    (origin, place): (&Origin, &Place),
) -> ApiResult<Changes> {
    let Some(new) = update.password.take() else {
        return Ok(changes);
    };
    rules::with_passwords(app.sign_in.ways_in)?;
    let Some(old) = update.old_password.take() else {
        return Err(rules::forbidden("A new password takes the current one beside it, as old_password."));
    };
    let attempt = Attempt::begin(app, Guessed::OwnPassword, (Some(user.id), &user.name), place).await?;
    let mut row = users::find_password(&app.auth_store, &user.id.to_string()).await?;
    let hash = row.as_mut().and_then(PasswordRow::take_hash);
    let is_active = row.is_some_and(|user| user.active);
    if !attempt.verify(old.into_secret(), hash.as_ref(), is_active).await? {
        let event = app.audit.event(origin, Action::PasswordChanged).on("user", user.id, &user.name);
        app.audit.refused(event.refused("wrong current password"), None).await;
        return Err(rules::forbidden("The current password is another one than old_password."));
    }
    set_password(&app.auth.passwords, app.auth_store.engine(), &*app.env.clock, changes, new).await
}

/// The user whom the activation token was made for, with the token's hash. A user that doesn't exist, or waits
/// for no activation, costs the same check and gets the same answer.
pub(super) async fn prove_activation(
    app: &App,
    name_or_id: &str,
    update: &mut UserUpdate,
    origin: &Origin,
) -> ApiResult<(ActivationRow, SecretString)> {
    let token = update.activation_token.take();
    let token = token.ok_or_else(|| refused("An activation token is needed."))?;
    let meant = users::find_password(&app.auth_store, name_or_id).await?;
    let (id, name) = meant.map(|user| (user.id, user.name)).unzip();
    let account = (id, name.as_deref().unwrap_or(name_or_id));
    let place = Place::at(origin.client());
    let attempt = Attempt::begin(app, Guessed::ActivationToken, account, &place).await?;
    let mut waiting = users::find_activation(&app.auth_store, name_or_id).await?;
    let hash = waiting.as_mut().and_then(|user| user.activation_token.take()).map(SecretString::from);
    let is_right = attempt.verify(token.into_secret(), hash.as_ref(), true).await?;
    match (waiting, hash) {
        (Some(user), Some(hash)) if is_right => Ok((user, hash)),
        _ => {
            let event = app.audit.event(origin, Action::UserActivated).by(Claim::of("activation_token"));
            app.audit.refused(event.refused("wrong activation token"), Some(name_or_id)).await;
            Err(refused("This is no activation token of this user."))
        }
    }
}

/// 401 for an activation token.
pub(super) fn refused(reason: &str) -> ApiError {
    ApiError::credentials(reason)
}
