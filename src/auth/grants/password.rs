//! The password grant (RFC 6749, section 4.3).

use secrecy::{ExposeSecret, SecretString};

use super::Grantee;
use crate::app::App;
use crate::auth::Scope;
use crate::auth::throttle::Subject;
use crate::http::client_address::ClientAddress;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::resources::users::{self, PasswordRow};

/// Checks a user's name or id and password. Failures make the next attempt wait.
///
/// # Errors
/// 401 for a wrong one, 429 for one that comes too early.
pub async fn verify(
    app: &App,
    username: &str,
    password: SecretString,
    ClientAddress(address): ClientAddress,
) -> ApiResult<Grantee> {
    let subjects = [Subject::account(username), Subject::address(address)];
    // Asked before the wait for a thread, to turn a flood away cheaply, and after it, since others may have failed
    // meanwhile.
    may_try(app, &subjects).await?;
    let permit = app.passwords.permit().await?;
    let has_failed = may_try(app, &subjects).await?;
    let mut user = users::find_password(&app.store, username).await?;
    let hash = user.as_mut().and_then(PasswordRow::take_hash);
    let is_right = permit.verify(password, hash.as_ref().map(ExposeSecret::expose_secret)).await?;
    let Some(user) = user.filter(|_| is_right) else {
        app.throttle.failed(&subjects, app.clock.now()).await?;
        return refuse("invalid username or password".to_owned());
    };
    if !user.active {
        return refuse(format!("user {} is not active", user.name));
    }
    if has_failed {
        app.throttle.succeeded(&subjects[0]).await?;
    }
    Ok(Grantee {
        user_id: user.id,
        password_changed_at: user.password_changed_at,
        scope: Scope::default(),
        expires_at: None,
        is_browser: true,
    })
}

/// Whether one of the subjects has failed lately.
///
/// # Errors
/// 429 when they have to wait.
pub async fn may_try(app: &App, subjects: &[Subject]) -> ApiResult<bool> {
    let checked = app.throttle.check(subjects, app.clock.now()).await?;
    checked.map_err(|too_early| ApiError::too_early(too_early.seconds))
}

fn refuse<T>(reason: String) -> ApiResult<T> {
    Err(ApiError::new(ErrorKind::CredentialsNotValid, format!("Authentication error: {reason}")))
}
