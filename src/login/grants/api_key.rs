//! API keys, traded for a token at login or used as a bearer.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::Grantee;
use crate::app::{App, AppState};
use crate::audit::Claim;
use crate::auth::api_key::ApiKey;
use crate::auth::key_proof::{self, KeyToProve};
use crate::auth::{Addresses, AuthenticationError, Scope, VerifiedToken};
use crate::login::principal;
use crate::login::used_from::UsedFrom;

/// Trades an API key for what its token is bound to.
///
/// # Errors
/// 401 with the reason.
pub(crate) async fn verify(
    app: &AppState,
    text: &str,
    from: UsedFrom<'_>,
) -> Result<Grantee, AuthenticationError> {
    let (row, scope) = prove(app, text, from).await?;
    let maker = match scope.key_gen {
        Some(generation) => maker(&row, generation)?,
        None => None,
    };
    let ends = [maker.as_ref().and_then(|maker| maker.claims.exp), end_of(&row, scope.key_gen)];
    Ok(Grantee {
        user_id: row.key.service_account_id,
        password_changed_at: None,
        expires_at: ends.into_iter().flatten().min(),
        scope,
        parents: maker.and_then(|maker| maker.parents_of_child().ok()).unwrap_or_default(),
        is_browser: false,
    })
}

/// Whose key a text claims to be. It proves nothing.
pub(crate) async fn claim(app: &App, text: &str) -> Claim {
    let Some(key) = ApiKey::decode(text) else { return Claim::of("api_key") };
    let row = app.auth.identities.api_key(key.id.0).await.ok().flatten();
    Claim {
        account: row.map(|row| (row.key.service_account_id, row.account_name.clone())),
        api_key_id: Some(key.id),
        ..Claim::of("api_key")
    }
}

/// The row of a key, if the text proves it and it is in use, and what is made from it is bound to: what the secret before
/// the last rotation is traded for ends when that one does.
///
/// # Errors
/// 401 with the reason.
pub(crate) async fn prove(
    app: &AppState,
    text: &str,
    from: UsedFrom<'_>,
) -> Result<(Arc<KeyToProve>, Scope), AuthenticationError> {
    let key = ApiKey::decode(text).ok_or(AuthenticationError::UnreadableApiKey)?;
    let row = app.auth.identities.api_key(key.id.0).await?;
    let row = row.ok_or(AuthenticationError::UnknownApiKey(key.id.0))?;
    let generation = proven_generation(app, &key.secret, &row).await?;
    let generation = generation.ok_or_else(|| AuthenticationError::WrongApiKey(row.key.name.clone()))?;
    // Asked last: whoever has no right key learns nothing of its account.
    check_in_use(&row)?;
    // Before its own end, which is that of what it was made with at the latest.
    check_maker(app, &row, generation, from, app.env.clock.now()).await?;
    check_end(&row, Some(generation), app.env.clock.now())?;
    check_addresses(app, &row, from)?;
    app.auth.last_used.api_key(row.key.id, app.env.clock.now());
    let addresses = row.key.addresses.as_deref().and_then(|networks| networks.parse().ok());
    let scope =
        Scope { api_key_id: Some(row.key.id.0), key_gen: Some(generation), addresses, ..Scope::default() };
    Ok((row, scope))
}

/// Whether a token made from the key is still good, as far as the key says.
///
/// # Errors
/// 401 with the reason.
pub(crate) fn check_token(
    row: &KeyToProve,
    generation: Option<i64>,
    now: DateTime<Utc>,
) -> Result<(), AuthenticationError> {
    check_in_use(row)?;
    check_end(row, generation, now)?;
    let is_good = generation.is_none_or(|generation| row.key.rotation().is_good(generation, now));
    if is_good { Ok(()) } else { Err(AuthenticationError::RotatedApiKey(row.key.name.clone())) }
}

/// Whether the API token is still good that the secret of this generation was made with, if it was made with one.
///
/// # Errors
/// 401 when it has ended.
pub(crate) async fn check_maker(
    app: &AppState,
    row: &KeyToProve,
    generation: i64,
    from: UsedFrom<'_>,
    now: DateTime<Utc>,
) -> Result<(), AuthenticationError> {
    let Some(maker) = maker(row, generation)? else { return Ok(()) };
    let ended = || AuthenticationError::EndedApiKey(row.key.name.clone());
    if maker.claims.exp.is_some_and(|end| end <= now.timestamp()) {
        return Err(ended());
    }
    // Apart: a token may be bound to a key in its turn, and hardly a key has been made with one.
    match Box::pin(principal::holder(app, &maker, from, now)).await {
        Err(error @ AuthenticationError::Elsewhere(_)) => Err(error),
        Err(error) if error.is_refusal() => Err(ended()),
        checked => checked.map(drop),
    }
}

fn maker(row: &KeyToProve, generation: i64) -> Result<Option<VerifiedToken>, AuthenticationError> {
    row.maker(generation).map_err(|error| {
        tracing::error!(%error, api_key = %row.key.id, "what an API key was made with could not be read");
        AuthenticationError::EndedApiKey(row.key.name.clone())
    })
}

/// When what was made from that generation of a key's secret ends by the key's own time, in seconds since 1970; from the
/// newest one if it doesn't say.
pub(crate) fn end_of(row: &KeyToProve, generation: Option<i64>) -> Option<i64> {
    let end = row.key.rotation().end_of(generation.unwrap_or(row.key.key_generation));
    end.map(|end| end.to_utc().timestamp())
}

fn check_end(
    row: &KeyToProve,
    generation: Option<i64>,
    now: DateTime<Utc>,
) -> Result<(), AuthenticationError> {
    match end_of(row, generation) {
        Some(end) if end <= now.timestamp() => Err(AuthenticationError::ExpiredApiKey(row.key.name.clone())),
        _ => Ok(()),
    }
}

/// Whether the key, or what was made from it, may be used there. Those that were made before are held to a change, too.
///
/// # Errors
/// 403 elsewhere.
pub(crate) fn check_addresses(
    app: &App,
    row: &KeyToProve,
    from: UsedFrom<'_>,
) -> Result<(), AuthenticationError> {
    let Some(networks) = row.key.addresses.as_deref() else { return Ok(()) };
    let addresses = networks.parse::<Addresses>().map_err(|error| {
        tracing::error!(%error, api_key = %row.key.id, "where an API key may be used could not be read");
        AuthenticationError::InactiveApiKey(row.key.name.clone())
    })?;
    from.check(app, &addresses)
}

fn check_in_use(row: &KeyToProve) -> Result<(), AuthenticationError> {
    if !row.account_active {
        return Err(AuthenticationError::InactiveAccount(row.account_name.clone()));
    }
    if !row.key.body.active {
        return Err(AuthenticationError::InactiveApiKey(row.key.name.clone()));
    }
    Ok(())
}

/// The generation of the key's secret that this is, if it is one: by the keyed hash where there is one; else by ZenML's
/// bcrypt, once, and its keyed hash is kept.
async fn proven_generation(
    app: &App,
    secret: &SecretString,
    row: &KeyToProve,
) -> Result<Option<i64>, AuthenticationError> {
    let current = row.key.key_generation;
    let mut candidates = vec![(current, &row.key.key, &row.digest)];
    if let Some(previous) = &row.key.previous_key
        && row.key.rotation().is_previous_retained(app.env.clock.now())
    {
        candidates.push((current - 1, previous, &row.previous_digest));
    }
    for (generation, hash, digest) in candidates {
        match digest {
            Some(digest) if app.auth.api_key_digests.verify(secret, digest) => return Ok(Some(generation)),
            Some(_) => {}
            None => {
                let hash = hash.expose();
                if app.auth.passwords.verify(secret.expose_secret().to_owned().into(), Some(hash)).await? {
                    let digest = app.auth.api_key_digests.digest(secret);
                    key_proof::upgrade(&app.auth_store, row.key.id, hash, &digest).await.map_err(Arc::new)?;
                    app.auth.identities.forget_api_key(row.key.id.0).await;
                    return Ok(Some(generation));
                }
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use chrono::TimeDelta;

    use super::*;
    use crate::accounts::api_keys::{ApiKeyColumns, ApiKeyMetadata, ApiKeyRow};
    use crate::store::{Id, SecretText, Timestamp};

    fn row(generation: i64, retain_period: i64, rotated: DateTime<Utc>) -> KeyToProve {
        let stamp = Timestamp::new(rotated);
        KeyToProve {
            key: ApiKeyRow {
                id: Id(Uuid::nil()),
                name: "ci".into(),
                key: SecretText(String::new().into()),
                previous_key: None,
                key_generation: generation,
                service_account_id: Id(Uuid::nil()),
                end_generation: None,
                end: None,
                previous_end: None,
                addresses: None,
                body: ApiKeyColumns { created: stamp, updated: stamp, active: true, expires: None },
                metadata: ApiKeyMetadata {
                    description: None,
                    retain_period,
                    last_login: None,
                    last_rotated: Some(stamp),
                },
            },
            account_name: "robot".into(),
            account_active: true,
            digest: None,
            previous_digest: None,
            made_with: None,
            previous_made_with: None,
        }
    }

    #[test]
    fn a_tokens_generation_is_good_while_its_key_is() {
        let rotated: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let is_good = |generation, retain_period, minutes| {
            let now = rotated + TimeDelta::minutes(minutes);
            check_token(&row(3, retain_period, rotated), generation, now).is_ok()
        };
        assert!(is_good(Some(3), 0, 100));
        assert!(is_good(None, 0, 100));
        assert!(!is_good(Some(2), 0, 0));
        assert!(is_good(Some(2), 10, 9));
        assert!(!is_good(Some(2), 10, 10));
        assert!(!is_good(Some(1), 10, 1));
        assert!(!is_good(Some(4), 10, 1));
    }

    #[test]
    fn each_secret_has_its_own_end() {
        let rotated: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |minutes| rotated + TimeDelta::minutes(minutes);
        let mut key = row(3, 100, rotated);
        key.key.end_generation = Some(3);
        (key.key.end, key.key.previous_end) = (Some(Timestamp::new(at(60))), Some(Timestamp::new(at(10))));
        let is_good =
            |key: &KeyToProve, generation, minutes| check_token(key, generation, at(minutes)).is_ok();
        assert!(is_good(&key, Some(3), 59) && !is_good(&key, Some(3), 60) && !is_good(&key, None, 60));
        assert!(is_good(&key, Some(2), 9) && !is_good(&key, Some(2), 10));
        // ZenML's server has rotated it since.
        key.key.key_generation = 4;
        assert!(is_good(&key, Some(4), 59) && !is_good(&key, Some(4), 60));
        assert!(is_good(&key, Some(3), 59) && !is_good(&key, Some(3), 60));
    }
}
