//! Whom a request speaks for: the cookie, bearer or password that it came with, and all that is asked of it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use axum_extra::extract::CookieJar;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::used_from::UsedFrom;
use super::{basic, grants, session};
use crate::accounts::devices::DeviceStatus;
use crate::accounts::users::{Account, find_password};
use crate::app::{App, AppState, Auth};
use crate::audit::Origin;
use crate::auth::claims::{Claims, TokenKind, VerifiedToken};
use crate::auth::policy::{Policy, access_of};
use crate::auth::revocation::Revoked;
use crate::auth::standing::{is_of_another_password, is_of_later_password};
use crate::auth::workload::{self, EndedWorkload};
use crate::auth::{AuthenticationError, Credential, Principal, api_key};
use crate::config::AuthScheme;
use crate::http::page::Page;
use crate::store::Id;

pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// Whom a request speaks for, unless a page of another origin makes a browser send it.
pub(crate) async fn principal_for_page(
    app: &AppState,
    headers: &HeaderMap,
    extensions: &Extensions,
    now: DateTime<Utc>,
) -> Result<Principal, AuthenticationError> {
    let principal = principal(app, headers, extensions, now).await?;
    match !is_ambient(app, headers, &principal) || Page::of(&app.config, headers).may_act() {
        true => Ok(principal),
        false => Err(AuthenticationError::ForeignPage),
    }
}

/// Whether a browser adds what proves the principal by itself, whatever page makes it send a request. A session that
/// needs its CSRF token has it by now, and a bearer is known to whoever sends it.
fn is_ambient(app: &App, headers: &HeaderMap, principal: &Principal) -> bool {
    match &principal.credential {
        Credential::Token(token) if token.claims.session_id.is_some() => false,
        Credential::Token(_) | Credential::ApiKey(_) => cookie(headers, &app.server.cookie_name).is_some(),
        Credential::Basic => true,
        // Whoever needs no credential may be called by all where the operator says so.
        Credential::None => !app.config.cors_allow_origins.any,
    }
}

/// Handlers behind the authentication layer take the principal as an argument.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = AuthenticationError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(AuthenticationError::NoCredential)
    }
}

/// Who asks on a route that is open to all, for what not everyone may ask there: an argument of its handler.
pub(crate) struct MaybePrincipal {
    found: Result<Principal, AuthenticationError>,
    policy: Option<Arc<Policy>>,
}

impl MaybePrincipal {
    /// Who it is, for the record alone.
    pub(crate) fn known(&self) -> Option<&Principal> {
        self.found.as_ref().ok()
    }

    /// Who it is, to act for them: past the same guard as on a route that is closed.
    ///
    /// # Errors
    /// 401 for nobody that is known here; 403 for a token that was narrowed too far.
    pub(crate) fn acting(self) -> Result<Principal, AuthenticationError> {
        let principal = self.found?;
        let access = access_of(self.policy.as_deref());
        if let Some(scope) = principal.scope() {
            access.check(scope)?;
        }
        principal.check_kind(access)?;
        Ok(principal)
    }
}

impl FromRequestParts<AppState> for MaybePrincipal {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        let found = principal_for_page(app, &parts.headers, &parts.extensions, app.env.clock.now()).await;
        Ok(Self { found, policy: parts.extensions.get().map(Arc::clone) })
    }
}

/// Whom a request with these headers speaks for.
///
/// # Errors
/// The reason why it is nobody.
pub(crate) async fn principal(
    app: &AppState,
    headers: &HeaderMap,
    extensions: &Extensions,
    now: DateTime<Utc>,
) -> Result<Principal, AuthenticationError> {
    match app.config.auth_scheme {
        AuthScheme::NoAuth => Box::pin(default_principal(app)).await,
        AuthScheme::HttpBasic => {
            let origin = Origin::of(app, headers, extensions);
            let id = Box::pin(basic::verify(app, headers, &origin)).await?;
            Ok(Principal { user: account(app, id.0).await?, credential: Credential::Basic })
        }
        AuthScheme::OAuth2PasswordBearer | AuthScheme::External => {
            token_principal(app, headers, extensions, now).await
        }
    }
}

async fn token_principal(
    app: &AppState,
    headers: &HeaderMap,
    extensions: &Extensions,
    now: DateTime<Utc>,
) -> Result<Principal, AuthenticationError> {
    let token = credential(app, headers).ok_or(AuthenticationError::NoCredential)?;
    let csrf_token = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    principal_of(app, &token, csrf_token, UsedFrom::Request(headers, extensions), now).await
}

/// Whom an API key or access token speaks for: everything that is asked of a request's is asked here.
///
/// # Errors
/// The reason why it is nobody.
pub(crate) async fn principal_of(
    app: &AppState,
    token: &str,
    csrf_token: Option<&str>,
    from: UsedFrom<'_>,
    now: DateTime<Utc>,
) -> Result<Principal, AuthenticationError> {
    if token.starts_with(api_key::PREFIX) {
        let (key, scope) = Box::pin(grants::api_key::prove(app, token, from)).await?;
        let user = account(app, key.key.service_account_id.0).await?;
        return Ok(Principal { user, credential: Credential::ApiKey(Box::new(scope)) });
    }
    let token = verify(app, token, now).await?;
    check_csrf(app, &token, csrf_token)?;
    let user = holder(app, &token, from, now).await?;
    if matches!(token.claims.token_type, Some(TokenKind::Generic | TokenKind::Workload)) {
        app.auth.last_used.api_token(Id(token.id), now, from.address(app));
    }
    Ok(Principal { user, credential: Credential::Token(token) })
}

/// Whose a verified token is, if it, all that it was made from, and its account are good.
///
/// # Errors
/// The reason why it is nobody's.
pub(crate) async fn holder(
    app: &AppState,
    token: &VerifiedToken,
    from: UsedFrom<'_>,
    now: DateTime<Utc>,
) -> Result<Arc<Account>, AuthenticationError> {
    let revoked = app.auth.revocations.find(token);
    if revoked == Some(Revoked::Alone) {
        return Err(AuthenticationError::Revoked);
    }
    check_scope(app, &token.claims, from, now).await?;
    let mut user = account(app, token.claims.sub).await?;
    if revoked.is_some() {
        return Err(AuthenticationError::Revoked);
    }
    if is_of_later_password(&token.claims, user.password_changed_at) {
        // Another replica has changed the password since the account was read here, and knows its owner already.
        let again = Box::pin(app.auth.identities.account_again(token.claims.sub)).await?;
        user = active(again, token.claims.sub)?;
    }
    if app.config.auth_scheme == AuthScheme::External
        && user.metadata.external_user_id.is_none()
        && !user.body.is_service_account
    {
        return Err(AuthenticationError::LocalAccount(user.name.clone()));
    }
    let changed = user.password_changed_at.filter(|_| !user.body.is_service_account);
    if is_of_another_password(&token.claims, token.proven_at(), changed) {
        let name = user.name.clone();
        return Err(match Box::pin(app.auth.identities.ended_by_deactivation(&user)).await? {
            true => AuthenticationError::Deactivated(name),
            false => AuthenticationError::PasswordChanged(name),
        });
    }
    if let Some(addresses) = &token.claims.scope.addresses {
        from.check(app, addresses)?;
    }
    Ok(user)
}

/// The token, if it is one of this server's and its time is right. A key that isn't known here may be another
/// replica's newest. Whether it was revoked, and its account, is another question.
///
/// # Errors
/// [`AuthenticationError`] with the reason.
pub(crate) async fn verify(
    app: &AppState,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Arc<VerifiedToken>, AuthenticationError> {
    match app.auth.tokens.verify(token, now) {
        Err(AuthenticationError::UnknownKey) => {
            Box::pin(app.auth.signing_keys.look_again()).await.map_err(Arc::new)?;
            app.auth.tokens.verify(token, now)
        }
        verified => verified,
    }
}

/// The token, if this server or a replica has signed it, whether or not it could be used now: whatever was signed can be
/// taken back.
///
/// # Errors
/// [`AuthenticationError`] with the reason.
pub(crate) async fn recognise(auth: &Auth, token: &str) -> Result<VerifiedToken, AuthenticationError> {
    match auth.tokens.recognise(token) {
        Err(AuthenticationError::UnknownKey) => {
            Box::pin(auth.signing_keys.look_again()).await.map_err(Arc::new)?;
            auth.tokens.recognise(token)
        }
        recognised => recognised,
    }
}

/// A token of a cross-site session needs its CSRF token beside it.
fn check_csrf(
    app: &AppState,
    token: &VerifiedToken,
    csrf_token: Option<&str>,
) -> Result<(), AuthenticationError> {
    let Some(session_id) = token.claims.session_id else { return Ok(()) };
    let csrf_token = csrf_token.filter(|token| !token.is_empty());
    let csrf_token = csrf_token.ok_or(AuthenticationError::MissingCsrfToken)?;
    match app.auth.csrf_tokens.verify(session_id, csrf_token) {
        true => Ok(()),
        false => Err(AuthenticationError::WrongCsrfToken),
    }
}

async fn account(app: &AppState, id: Uuid) -> Result<Arc<Account>, AuthenticationError> {
    active(app.auth.identities.account(id).await?, id)
}

fn active(found: Option<Arc<Account>>, id: Uuid) -> Result<Arc<Account>, AuthenticationError> {
    let user = found.ok_or(AuthenticationError::UnknownAccount(id))?;
    if !user.body.active {
        return Err(AuthenticationError::InactiveAccount(user.name.clone()));
    }
    Ok(user)
}

/// The token of a browser's or client's session, if the request has one of this server's.
pub(crate) async fn login_token(app: &AppState, headers: &HeaderMap) -> Option<VerifiedToken> {
    let token = recognise(&app.auth, &credential(app, headers)?).await.ok()?;
    (token.claims.token_type == Some(TokenKind::Login)).then_some(token)
}

/// Whether the browser adds the request's token by itself, rather than its sender.
pub(crate) fn is_by_cookie(app: &App, headers: &HeaderMap) -> bool {
    cookie(headers, &session::cookie_name(app, headers)).is_some()
}

/// Cookie or bearer; for the console its own cookie alone.
pub(crate) fn credential<'a>(app: &AppState, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
    if session::is_console(headers) {
        return cookie(headers, &session::cookie_name(app, headers)).map(Cow::Owned);
    }
    match cookie(headers, &app.server.cookie_name) {
        Some(token) => Some(Cow::Owned(token)),
        None => bearer(headers).map(Cow::Borrowed),
    }
}

async fn default_principal(app: &AppState) -> Result<Principal, AuthenticationError> {
    let found = find_password(&app.auth_store, &app.server.default_user).await.map_err(Arc::new)?;
    let id = found.map(|user| user.id.0).ok_or(AuthenticationError::NoCredential)?;
    Ok(Principal { user: account(app, id).await?, credential: Credential::None })
}

/// What the token is bound to must still carry it.
async fn check_scope(
    app: &AppState,
    claims: &Claims,
    from: UsedFrom<'_>,
    now: DateTime<Utc>,
) -> Result<(), AuthenticationError> {
    let scope = &claims.scope;
    if let Some(id) = scope.api_key_id {
        let key = app.auth.identities.api_key(id).await?.ok_or(AuthenticationError::UnknownApiKey(id))?;
        grants::api_key::check_token(&key, scope.key_gen, now)?;
        grants::api_key::check_addresses(app, &key, from)?;
        if let Some(generation) = scope.key_gen {
            grants::api_key::check_maker(app, &key, generation, from, now).await?;
        }
        app.auth.last_used.api_key(key.key.id, now);
    }
    if let Some(id) = scope.device_id {
        check_device(app, id, claims.sub, now).await?;
    }
    if let Some(id) = scope.schedule_id {
        workload::check_schedule(id, app.auth.identities.schedule(id).await?.as_deref())?;
    }
    for id in [scope.pipeline_run_id, scope.root_run_id].into_iter().flatten() {
        workload::check_run(
            id,
            app.auth.identities.run(id).await?.as_deref(),
            app.auth.workload_leeway,
            now,
        )?;
    }
    if let Some(id) = scope.deployment_id {
        app.auth.identities.deployment(id).await?.ok_or(EndedWorkload::NoDeployment(id))?;
    }
    Ok(())
}

async fn check_device(
    app: &AppState,
    id: Uuid,
    user_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), AuthenticationError> {
    if app.config.auth_scheme == AuthScheme::External {
        return Err(AuthenticationError::NoDevices);
    }
    let device = app.auth.identities.device(id).await?.ok_or(AuthenticationError::UnknownDevice(id))?;
    if device.user_id != Some(Id(user_id)) {
        return Err(AuthenticationError::ForeignDevice(id));
    }
    if device.body.status != DeviceStatus::Active {
        return Err(AuthenticationError::InactiveDevice(id));
    }
    if device.is_expired(now) {
        return Err(AuthenticationError::ExpiredDevice(id));
    }
    app.auth.last_used.device(device.id, now);
    Ok(())
}

/// A cookie that holds something wins over the bearer; an empty one doesn't count (contract: BEHAVIOUR.md).
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    if !headers.contains_key(http::header::COOKIE) {
        return None;
    }
    let jar = CookieJar::from_headers(headers);
    jar.get(name).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
}

/// The bearer of RFC 6750, section 2.1; the scheme in any case (RFC 9110, section 11.1). By hand: a typed header takes an
/// empty bearer for a missing one, which ZenML answers otherwise, and copies the token of every request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let credential = headers.get(AUTHORIZATION)?.as_bytes();
    // All in one look: a header's own has one at each character of a long token.
    let credential = credential.is_ascii().then(|| str::from_utf8(credential).ok())??;
    // A header's trailing space is gone by now: `Bearer ` alone is an empty token, not a missing one.
    let (scheme, token) = credential.split_once(' ').unwrap_or((credential, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
