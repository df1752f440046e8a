//! Now and then the provider is asked whether those who have signed in by it may still come. A provider that gives no
//! answer says nothing of them, and is asked again.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use futures_util::stream;
use secrecy::{ExposeSecret, SecretString};

use super::sign_in_rows::{self, SignInRow};
use super::{account, ending};
use crate::accounts::identities;
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::auth::oidc::provider::Again;
use crate::auth::oidc::{Oidc, OidcError};
use crate::store::{SecretText, StoreError};

/// Questions of one round, and at a time.
const OF_A_ROUND: u64 = 200;
const AT_ONCE: usize = 8;
/// A question that a replica has taken is another's after that.
const TAKEN: TimeDelta = TimeDelta::minutes(2);
/// Between two looks at a sign-in about which nobody can be asked.
const UNASKED: TimeDelta = TimeDelta::hours(1);
/// After a question without an answer.
const AFTER_FAILURE: TimeDelta = TimeDelta::minutes(1);

/// Asks about all sign-ins that are due.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn check_due(app: &App) -> Result<(), StoreError> {
    let Some(oidc) = app.sign_in.oidc.as_ref() else { return Ok(()) };
    let now = app.env.clock.now();
    let due = sign_in_rows::due(&app.auth_store, now, OF_A_ROUND).await?;
    let checks = stream::iter(due).map(|row| async move { check(app, oidc, &row, now).await });
    let mut checks = checks.buffer_unordered(AT_ONCE);
    while let Some(checked) = checks.next().await {
        checked?;
    }
    Ok(())
}

/// Ends one alone.
async fn end(app: &App, row: &SignInRow, origin: &Origin, reason: &'static str) -> Result<(), StoreError> {
    ending::end(app, std::slice::from_ref(row), origin, reason).await
}

async fn check(app: &App, oidc: &Oidc, row: &SignInRow, now: DateTime<Utc>) -> Result<(), StoreError> {
    let store = &app.auth_store;
    if !sign_in_rows::take(store, row, now + TAKEN).await? {
        return Ok(());
    }
    let is_over = row.expires.is_some_and(|expires| expires.to_utc() <= now);
    if is_over && !sign_in_rows::has_offspring(store, row, now).await? {
        return sign_in_rows::forget(store, row.id).await;
    }
    let origin = Origin { actor: Actor::Nobody, address: None, user_agent: None, request_id: None };
    let Some(issuer) = identities::issuer_of(store, &row.person).await? else {
        return end(app, row, &origin, "unlinked").await;
    };
    let provider = oidc.of_issuer(&issuer).filter(|provider| provider.settings.recheck.0 > 0);
    let Some((provider, sealed)) = provider.zip(row.refresh_token.as_ref()) else {
        // What was made in it goes on, and nobody can be asked.
        return sign_in_rows::set_next(store, row.id, None, now + UNASKED).await;
    };
    let after = TimeDelta::seconds(provider.settings.recheck.0.into());
    let Some(refresh_token) = open(app, sealed) else {
        return end(app, row, &origin, "its refresh token can't be read").await;
    };
    match provider.ask_again(&refresh_token, now).await {
        Ok(Again::Over(reason)) => end(app, row, &origin, reason).await,
        Ok(Again::Good { person, refresh_token }) => {
            if let Some(person) = person {
                if identities::digest(&issuer, &person.subject) != row.person {
                    return end(app, row, &origin, "the provider says another subject").await;
                }
                if person.admit(&provider.settings).is_err() {
                    return end(app, row, &origin, "the person may not come any more").await;
                }
                if let Some(is_admin) = person.is_admin(&provider.settings) {
                    let set = account::set_admin(app, row.user_id, is_admin, &origin).await;
                    if let Err(error) = set {
                        tracing::warn!(%error, "what groups make of an account could not be written");
                    }
                }
            }
            let sealed = refresh_token.and_then(|token| seal(app, &token));
            sign_in_rows::set_next(store, row.id, sealed, now + after).await
        }
        Err(error @ (OidcError::Away { .. } | OidcError::Refused(_))) => {
            tracing::warn!(%error, "the provider could not be asked whether somebody may still come");
            let after = after.min(AFTER_FAILURE);
            sign_in_rows::set_next(store, row.id, None, now + after).await
        }
    }
}

/// A refresh token as the store keeps it, as it keeps secrets.
pub(super) fn seal(app: &App, token: &SecretString) -> Option<String> {
    let sealed = app.secrets.cipher.seal_bytes(token.expose_secret().as_bytes(), &*app.env.random);
    sealed.inspect_err(|error| tracing::error!(%error, "a refresh token could not be sealed")).ok()
}

fn open(app: &App, sealed: &SecretText) -> Option<SecretString> {
    let bytes = app.secrets.cipher.open_bytes(sealed.0.expose_secret().as_bytes())?;
    let text = str::from_utf8(bytes.expose_secret()).ok()?;
    Some(text.to_owned().into())
}
