//! What a rule has to be, and what its parts are kept as.

use std::collections::BTreeSet;

use super::super::service_accounts;
use crate::app::App;
use crate::auth::addresses::{Addresses, AddressesError, MOST};
use crate::auth::permissions::Permissions;
use crate::framework::named_project;
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::{JsonObject, ShortText};
use crate::issuers::{KeySet, issuer_url};
use crate::login::api_token::unknown_resource;
use crate::store::Id;
use crate::trusts::conditions::Conditions;

/// Bytes of an issuer's keys, and projects of a rule, at most.
const LONGEST_JWKS: usize = 32 << 10;
const MOST_PROJECTS: usize = 100;
/// Characters of an issuer, and bytes of all conditions, at most.
const LONGEST_ISSUER: usize = 255;
const LONGEST_CONDITIONS: usize = 32 << 10;

/// The networks as they are kept.
pub(super) fn addresses(addresses: &Addresses) -> ApiResult<String> {
    match addresses.count() {
        1..=MOST => Ok(addresses.to_string()),
        0 => Err(refuse("addresses", AddressesError::Empty)),
        _ => Err(refuse("addresses", AddressesError::TooMany)),
    }
}

fn refuse(field: &str, reason: impl std::fmt::Display) -> ApiError {
    ApiError::unprocessable(format!("{field}: {reason}"))
}

/// Checks an issuer: whoever is asked for keys has to be reached safely.
pub(super) fn check_issuer(issuer: &str, has_keys: bool) -> ApiResult<()> {
    if issuer.chars().count() > LONGEST_ISSUER {
        return Err(ApiError::too_long("issuer", LONGEST_ISSUER, "characters"));
    }
    if has_keys {
        let is_fit = !issuer.trim().is_empty() && !issuer.contains(char::is_control);
        return if is_fit { Ok(()) } else { Err(refuse("issuer", "it has to be that of its tokens (iss)")) };
    }
    issuer_url(issuer).map(drop).map_err(|error| refuse("issuer", error))
}

/// The conditions as they are kept.
pub(super) fn conditions(conditions: &Conditions) -> ApiResult<String> {
    if conditions.are_none() {
        let reason = "a rule needs at least one, or it would trust everybody whom its issuer gives a token";
        return Err(refuse("conditions", reason));
    }
    let json = serde_json::to_string(conditions).map_err(|_| ApiError::internal())?;
    match json.len() <= LONGEST_CONDITIONS {
        true => Ok(json),
        false => Err(refuse("conditions", format!("they are longer than {LONGEST_CONDITIONS} bytes"))),
    }
}

/// The keys as they are kept.
pub(super) fn jwks(jwks: &JsonObject) -> ApiResult<String> {
    let text = jwks.as_str();
    if text.len() > LONGEST_JWKS {
        return Err(refuse("jwks", format!("they are longer than {LONGEST_JWKS} bytes")));
    }
    KeySet::read(text.as_bytes()).map_err(|error| refuse("jwks", error))?;
    Ok(text.to_owned())
}

/// The audience that was asked for, or this server's own.
pub(super) fn audience(app: &App, asked: Option<ShortText>) -> ApiResult<String> {
    let Some(asked) = asked else { return Ok(app.own_audience().to_owned()) };
    match asked.as_str().trim() {
        "" => Err(refuse("audience", "it can't be empty: others' tokens would be taken")),
        _ => Ok(asked.as_str().to_owned()),
    }
}

/// The service account with that name or id.
pub(super) async fn service_account(app: &App, name_or_id: &str) -> ApiResult<Id> {
    Ok(service_accounts::find(&app.store, name_or_id).await?.id)
}

/// What its tokens may do; none for everything.
pub(super) fn scope(app: &App, text: &str) -> ApiResult<Option<String>> {
    let permissions: Permissions = text.parse().map_err(|error| refuse("scope", error))?;
    if let Some(unknown) = unknown_resource(&permissions, app.server.kinds) {
        return Err(refuse(
            "scope",
            format!("'{unknown}' is no kind of resource; docs/tokens.md lists them"),
        ));
    }
    Ok((permissions != Permissions::all()).then(|| permissions.to_string()))
}

/// The ids of projects that are named, as JSON.
pub(super) async fn projects(app: &App, names: &[String]) -> ApiResult<String> {
    if names.is_empty() || names.len() > MOST_PROJECTS {
        return Err(refuse("projects", format!("Input should be 1 to {MOST_PROJECTS} names or ids")));
    }
    let mut ids = BTreeSet::new();
    for name in names {
        ids.insert(named_project(&app.store, name.trim()).await?.0);
    }
    serde_json::to_string(&ids).map_err(|_| ApiError::internal())
}

/// How long its tokens live.
pub(super) fn lifetime(app: &App, seconds: i64) -> ApiResult<i64> {
    let longest = i64::from(app.config.generic_api_token_max_lifetime.0);
    match seconds {
        1.. if seconds <= longest => Ok(seconds),
        _ => Err(refuse("expires_in", format!("Input should be 1 to {longest} seconds"))),
    }
}
