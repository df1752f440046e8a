//! The password grant (RFC 6749, section 4.3).

use secrecy::SecretString;

use super::Grantee;
use crate::accounts::operator_password;
use crate::accounts::users::{self, PasswordRow};
use crate::app::App;
use crate::auth::Scope;
use crate::auth::known_places::Place;
use crate::http::error::{ApiError, ApiResult};
use crate::login::attempt::{Attempt, Guessed};
use crate::store::Id;

/// Checks a user's name or id and password. Failures make the next attempt wait. The right password of an account that
/// isn't active is a wrong one, to whoever looks at the answer or at its time.
///
/// # Errors
/// 401 for a wrong one, 429 for one that comes too early.
pub(crate) async fn verify(
    app: &App,
    username: &str,
    password: SecretString,
    place: &Place,
) -> ApiResult<Grantee> {
    let meant = users::find_password(&app.auth_store, username).await?;
    let (id, name) = meant.map(|user| (user.id, user.name)).unzip();
    check_passwords_count(app, id).await?;
    let account = (id, name.as_deref().unwrap_or(username));
    let attempt = Attempt::begin(app, Guessed::Password, account, place).await?;
    // Again, since the password may have been changed during the wait.
    let mut user = users::find_password(&app.auth_store, username).await?;
    let hash = user.as_mut().and_then(PasswordRow::take_hash);
    let is_active = user.as_ref().is_some_and(|user| user.active);
    let is_right = attempt.verify(password, hash.as_ref(), is_active).await?;
    let Some(user) = user.filter(|_| is_right) else {
        let message = "Authentication error: invalid username or password";
        return Err(ApiError::credentials(message));
    };
    if let Err(error) = app.sign_in.known_places.note(user.id, place, app.env.clock.now()).await {
        tracing::warn!(%error, "a place could not be noted");
    }
    Ok(Grantee {
        user_id: user.id,
        password_changed_at: user.password_changed_at,
        scope: Scope::default(),
        expires_at: None,
        parents: Vec::new(),
        is_browser: true,
    })
}

/// Where people don't sign in with passwords, the one that the operator has just set is the way back in.
async fn check_passwords_count(app: &App, id: Option<Id>) -> ApiResult<()> {
    if app.sign_in.ways_in.password {
        return Ok(());
    }
    let is_new = match id {
        Some(id) => operator_password::is_new(&app.auth_store, id, app.env.clock.now()).await?,
        None => false,
    };
    match (is_new, &app.sign_in.oidc) {
        (true, _) => Ok(()),
        (false, Some(oidc)) => {
            let name = oidc.names();
            let message =
                format!("Passwords are turned off on this server: sign in with {name} at /console/sign-in");
            Err(ApiError::credentials(message))
        }
        (false, None) => Err(ApiError::credentials("Passwords are turned off on this server")),
    }
}
