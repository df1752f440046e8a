//! The external grant: another service has signed the person in, and tells who they are.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum_extra::headers::authorization::Bearer;
use axum_extra::headers::{Authorization, HeaderMapExt};
use sea_query::{Expr, ExprTrait, Query, UpdateStatement};
use secrecy::SecretString;

use super::Grantee;
use crate::accounts::{names, users};
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::auth::Scope;
use crate::auth::authority::{ExternalAccount, NoAccount, refuse};
use crate::auth::throttle::Subject;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::login::attempt::may_try;
use crate::store::{Id, Insert, Timestamp, Transaction};

/// What an external sign-in ends in.
#[derive(Debug)]
pub(crate) enum External {
    /// Nobody has signed in there yet.
    GoTo {
        authorization_url: String,
    },
    Signed(Box<Grantee>),
}

/// Asks the other service whose the bearer is, and makes or updates the account here.
///
/// # Errors
/// 401 for a bearer it doesn't know, and when it gives no usable answer.
pub(crate) async fn verify(app: &App, origin: &Origin, headers: &HeaderMap) -> ApiResult<External> {
    let urls = (&app.config.external_login_url, &app.config.external_user_info_url);
    let (Some(login_url), Some(user_info_url)) = urls else {
        return Err(refuse("external sign-in is not set up"));
    };
    if !headers.contains_key(AUTHORIZATION) {
        return Ok(External::GoTo { authorization_url: login_url.0.clone() });
    }
    let Some(Authorization(bearer)) = headers.typed_get::<Authorization<Bearer>>() else {
        let message = "Invalid request: invalid authorization header.";
        return Err(ApiError::credentials(message));
    };
    let server_id = app.config.external_server_id.unwrap_or(app.server.id.0);
    let url = format!("{}?server_id={server_id}", user_info_url.0);
    let account = ask(app, url, SecretString::from(bearer.token()), origin).await?;
    let now = Timestamp::new(app.env.clock.now());
    let new_id = app.env.random.id();
    let name = account.username.as_str();
    let claim = Claim { account: Some((new_id, name.to_owned())), ..Claim::of("external") };
    let kind = if account.is_service_account { "service_account" } else { "user" };
    let event = app.audit.event(origin, Action::UserCreated).by(claim).on(kind, new_id, name);
    let (account, event) = (&account, &event);
    let saved = app.auth_store.write(|mut tx| async move {
        let id = save(app, &mut tx, account, new_id, now).await?;
        Ok::<_, ApiError>(match id == new_id {
            true => event.commit(tx, id).await?,
            false => tx.commit(id).await?,
        })
    });
    let user_id = saved.await?;
    app.auth.identities.forget(user_id.0).await;
    let user = users::find_account(&app.auth_store, user_id).await?;
    Ok(External::Signed(Box::new(Grantee {
        user_id,
        // An adopted account may have had a password here.
        password_changed_at: user.and_then(|user| user.password_changed_at),
        scope: Scope::default(),
        expires_at: None,
        parents: Vec::new(),
        is_browser: true,
    })))
}

/// Who comes with bearers that nobody knows waits longer each time.
async fn ask(app: &App, url: String, bearer: SecretString, origin: &Origin) -> ApiResult<ExternalAccount> {
    let address = origin.client().0;
    let subjects = [Subject::address(address)];
    may_try(app, &subjects).await?;
    match app.sign_in.authority.ask(url, bearer, address).await? {
        Ok(account) => Ok(account),
        Err(NoAccount::Unanswered(error)) => Err(error),
        Err(NoAccount::Refused(error)) => {
            app.sign_in.throttle.failed(&subjects, app.env.clock.now()).await?;
            Err(error)
        }
    }
}

/// The account's id here: that of its external id, else of its name, which is adopted if nobody has it there, else a new
/// one.
async fn save(
    app: &App,
    tx: &mut Transaction,
    account: &ExternalAccount,
    new_id: Id,
    now: Timestamp,
) -> ApiResult<Id> {
    names::lock_names(tx).await?;
    let username = account.username.as_str();
    let found = find(tx, account).await?;
    let id = found.as_ref().map_or(new_id, |found| found.id);
    if found.as_ref().is_none_or(|found| found.name != username) {
        names::check_name(tx, app.auth_store.engine(), id, username).await?;
    }
    let written = match found {
        Some(_) => tx.execute(&update(account, id, now)).await.map(drop),
        None => insert(account, id, now).run(tx).await,
    };
    written.map(|()| id).map_err(if_duplicate(taken))
}

fn taken() -> ApiError {
    refuse("The name of this account is another account's on this server.")
}

/// An account that may be the one that signs in.
#[derive(sqlx_macros::FromRow)]
struct Found {
    id: Id,
    name: String,
    external_user_id: Option<Id>,
}

/// The account that is bound to the external id, else the one of that very name.
///
/// # Errors
/// 401 when that one is bound to another external id.
async fn find(tx: &mut Transaction, account: &ExternalAccount) -> ApiResult<Option<Found>> {
    let username = account.username.as_str();
    let is_meant = Expr::col("external_user_id").eq(Id(account.id)).or(Expr::col("name").eq(username));
    let query = Query::select()
        .columns(["id", "name", "external_user_id"])
        .from("user")
        .and_where(Expr::col("is_service_account").eq(account.is_service_account))
        .and_where(is_meant)
        .to_owned();
    let mut found: Vec<Found> = tx.fetch_all(&query).await?;
    let bound = found.iter().position(|found| found.external_user_id == Some(Id(account.id)));
    // MySQL finds names in any case.
    let place = bound.or_else(|| found.iter().position(|found| found.name == username));
    let found = place.map(|place| found.swap_remove(place));
    match found {
        Some(Found { external_user_id: Some(Id(other)), .. }) if other != account.id => Err(taken()),
        found => Ok(found),
    }
}

fn insert(account: &ExternalAccount, id: Id, now: Timestamp) -> Insert {
    let insert = Insert::into("user")
        .stamped(id, now)
        .set("name", account.username.as_str())
        .set("full_name", account.full_name())
        .set("external_user_id", Id(account.id))
        .set("is_service_account", account.is_service_account)
        .set("active", true)
        .set("avatar_url", account.avatar_url.as_deref())
        .set("is_admin", account.is_superuser && !account.is_service_account);
    match account.is_service_account {
        true => insert,
        false => insert
            .set("email", account.email())
            .set("email_opted_in", true)
            .set("oidc_claims", account.claims()),
    }
}

fn update(account: &ExternalAccount, id: Id, now: Timestamp) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table("user")
        .value("name", account.username.as_str())
        .value("full_name", account.full_name())
        .value("external_user_id", Id(account.id))
        .value("active", true)
        .value("avatar_url", account.avatar_url.as_deref())
        .value("updated", now)
        .and_where(Expr::col("id").eq(id));
    if !account.is_service_account {
        update
            .value("email", account.email())
            .value("email_opted_in", true)
            .value("is_admin", account.is_superuser)
            .value("oidc_claims", account.claims());
    }
    update
}
