//! The external grant: another service has signed the person in, and tells who they are.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sea_query::{Expr, ExprTrait, Query};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Grantee;
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::auth::Scope;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::resources::users;
use crate::store::{Id, Insert, StoreError, Timestamp, Transaction};

/// How long the other service may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of its answer that are read at most.
const MAX_ANSWER: u64 = 1 << 20;

/// What an external sign-in ends in.
#[derive(Debug)]
pub enum External {
    /// Nobody has signed in there yet.
    GoTo {
        authorization_url: String,
    },
    Signed(Grantee),
}

/// What the other service tells of an account.
#[derive(Debug, Deserialize)]
struct ExternalAccount {
    id: Uuid,
    username: String,
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    is_superuser: bool,
    #[serde(default)]
    is_service_account: bool,
    avatar_url: Option<String>,
    oidc_claims: Option<Box<RawValue>>,
}

/// Asks the other service whose the bearer is, and makes or updates the account here.
///
/// # Errors
/// 401 for a bearer it doesn't know, and when it gives no usable answer.
pub async fn verify(app: &App, origin: &Origin, headers: &HeaderMap) -> ApiResult<External> {
    let urls = (&app.config.external_login_url, &app.config.external_user_info_url);
    let (Some(login_url), Some(user_info_url)) = urls else {
        return Err(refuse("external sign-in is not set up"));
    };
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return Ok(External::GoTo { authorization_url: login_url.0.clone() });
    };
    let bearer = authorization.to_str().ok().and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty());
    let Some((_, token)) = bearer else {
        let message = "Invalid request: invalid authorization header.";
        return Err(ApiError::new(ErrorKind::CredentialsNotValid, message));
    };
    let server_id = app.config.external_server_id.unwrap_or(app.server_id.0);
    let url = format!("{}?server_id={server_id}", user_info_url.0);
    let token = SecretString::from(token.to_owned());
    let asked = tokio::task::spawn_blocking(move || ask(&url, &token)).await;
    let account = asked.map_err(|_| ApiError::internal())??;
    if account.username.is_empty() {
        return Err(refuse("Unknown external authenticator error"));
    }
    let now = Timestamp::new(app.clock.now());
    let new_id = app.random.id();
    let claim = Claim { account: Some((new_id, account.username.clone())), ..Claim::of("external") };
    let kind = if account.is_service_account { "service_account" } else { "user" };
    let event = app.audit.event(origin, Action::UserCreated).by(claim).on(kind, new_id, &account.username);
    let (account, event) = (&account, &event);
    let saved = app.store.write(|mut tx| async move {
        let id = save(&mut tx, account, new_id, now).await?;
        match id == new_id {
            true => event.commit(tx, id).await,
            false => tx.commit(id).await,
        }
    });
    let user_id = saved.await?;
    app.identities.forget(user_id.0).await;
    let user = users::find_account(&app.store, user_id).await?;
    Ok(External::Signed(Grantee {
        user_id,
        // An adopted account may have had a password here.
        password_changed_at: user.and_then(|user| user.password_changed_at),
        scope: Scope::default(),
        expires_at: None,
        is_browser: true,
    }))
}

fn refuse(reason: &str) -> ApiError {
    ApiError::new(ErrorKind::AuthorizationException, reason)
}

fn ask(url: &str, token: &SecretString) -> ApiResult<ExternalAccount> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        // A redirect would send the token to a place the operator hasn't named.
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into();
    let authorization = format!("Bearer {}", token.expose_secret());
    let answer = agent.get(url).header("authorization", &authorization).call().map_err(|error| {
        tracing::warn!(%error, "the external authenticator can't be asked");
        refuse("Error fetching user information from external authenticator.")
    })?;
    match answer.status().as_u16() {
        200..=299 => {}
        401 | 403 => return Err(refuse("Not authorized to access this server.")),
        404 => return Err(refuse("External authenticator did not recognize this server.")),
        status => {
            tracing::warn!(status, "the external authenticator failed");
            return Err(refuse("Error fetching user information from external authenticator."));
        }
    }
    let body = answer.into_body().into_with_config().limit(MAX_ANSWER).read_to_vec();
    let account = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
    account.ok_or_else(|| refuse("Unknown external authenticator error"))
}

/// The account's id here: that of its external id, else of its name, which is adopted, else a new one.
async fn save(
    tx: &mut Transaction,
    account: &ExternalAccount,
    new_id: Id,
    now: Timestamp,
) -> Result<Id, StoreError> {
    let find = |condition| {
        Query::select()
            .column("id")
            .from("user")
            .and_where(Expr::col("is_service_account").eq(account.is_service_account))
            .and_where(condition)
            .to_owned()
    };
    let by_external_id = find(Expr::col("external_user_id").eq(Id(account.id)));
    let by_name = find(Expr::col("name").eq(account.username.as_str()));
    let mut found = tx.fetch_optional::<(Id,)>(&by_external_id).await?;
    if found.is_none() {
        found = tx.fetch_optional::<(Id,)>(&by_name).await?;
    }
    let claims = account.oidc_claims.as_ref().map_or("null", |claims| claims.get());
    let full_name = account.name.as_deref().unwrap_or_default();
    let Some((id,)) = found else {
        let mut insert = Insert::into("user")
            .stamped(new_id, now)
            .set("name", account.username.as_str())
            .set("full_name", full_name)
            .set("external_user_id", Id(account.id))
            .set("is_service_account", account.is_service_account)
            .set("active", true)
            .set("avatar_url", account.avatar_url.as_deref())
            .set("is_admin", account.is_superuser && !account.is_service_account);
        if !account.is_service_account {
            insert = insert
                .set("email", account.email.as_deref())
                .set("email_opted_in", true)
                .set("oidc_claims", claims);
        }
        insert.run(tx).await?;
        return Ok(new_id);
    };
    let mut update = Query::update();
    update
        .table("user")
        .value("name", account.username.as_str())
        .value("full_name", full_name)
        .value("external_user_id", Id(account.id))
        .value("active", true)
        .value("avatar_url", account.avatar_url.as_deref())
        .value("updated", now)
        .and_where(Expr::col("id").eq(id));
    if !account.is_service_account {
        update
            .value("email", account.email.as_deref())
            .value("email_opted_in", true)
            .value("is_admin", account.is_superuser)
            .value("oidc_claims", claims);
    }
    tx.execute(&update).await?;
    Ok(id)
}
