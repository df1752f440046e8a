//! Downloads by a link, whose token speaks for whoever has made it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use uuid::Uuid;

use super::principal;
use super::used_from::UsedFrom;
use crate::app::{App, AppState};
use crate::auth::{AuthenticationError, Principal};
use crate::store::Id;

/// A token for the principal to download what belongs to one thing.
///
/// # Errors
/// When the claims can't be written as JSON.
pub(crate) fn issue_download(
    app: &App,
    principal: &Principal,
    kind: &str,
    thing: Id,
) -> Result<String, jsonwebtoken::errors::Error> {
    let standing = app.auth.standing_of_account(&principal.user);
    app.auth.tokens.for_download(principal, kind, thing, standing, app.env.clock.now())
}

/// Checks a download's token, and that what it was made from hasn't ended since. Tells the projects that this one is
/// for, if it is for some only.
///
/// # Errors
/// [`AuthenticationError`] with the reason.
pub(crate) async fn require_download(
    app: &AppState,
    token: &str,
    kind: &str,
    thing: Id,
    address: IpAddr,
) -> Result<Option<BTreeSet<Uuid>>, AuthenticationError> {
    let now = app.env.clock.now();
    let made_from = app.auth.tokens.check_download(token, kind, thing, now)?;
    principal::holder(app, &made_from, UsedFrom::Address(address), now).await?;
    Ok(made_from.claims.scope.projects)
}
