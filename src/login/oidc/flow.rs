//! A sign-in goes to the provider, and comes back to the page of the console that ends it: authorization code with PKCE
//! (RFC 7636), state and nonce, which only the browser has that has begun it.
//!
//! The cookie is strict: it is not there when the provider sends the browser back, but it is when the page that is shown then
//! asks this.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sign_in_rows::{self, OF_AN_ACCOUNT, SignInRow};
use super::{account, ending, recheck};
use crate::address::Address;
use crate::app::{App, AppState};
use crate::audit::{Action, Actor, Claim, Origin};
use crate::auth::claims::TokenKind;
use crate::auth::jwt::NewToken;
use crate::auth::oidc::pending::{LIFE, PendingSignIn};
use crate::auth::oidc::provider::{Provider, SignedIn, word};
use crate::auth::oidc::{Oidc, OidcError};
use crate::auth::{AuthenticationError, Scope, Standing, refusal};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::openapi::shapes::ErrorModel;
use crate::http::page::Page;
use crate::login::principal::MaybePrincipal;
use crate::login::used_from::UsedFrom;
use crate::login::{principal, session};
use crate::store::{Id, SecretText, Timestamp};

/// The page of the console that the provider sends people back to.
pub(crate) const CALLBACK: &str = "/console/oidc/callback";
/// Bytes of randomness in a state, a nonce, and PKCE's verifier.
const BYTES: usize = 32;
/// Characters of what is sent back at most.
const LONGEST: usize = 4096;

/// How people sign in here.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderAnswer {
    /// What the providers that know people are called, where there are any.
    name: Option<String>,
    providers: Vec<OneProvider>,
    /// Whether people sign in with passwords.
    password_sign_in: bool,
}

/// A provider that knows people.
#[derive(Serialize, ToSchema)]
pub(crate) struct OneProvider {
    issuer: String,
    name: String,
}

/// What a sign-in is begun for.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct StartRequest {
    /// The provider, by its issuer identifier; the first one without.
    #[serde(default)]
    provider: Option<String>,
    /// The page that it leads to; the console's first one without.
    #[serde(default)]
    next: Option<String>,
    /// Whether somebody who is signed in links their account.
    #[serde(default)]
    link: bool,
}

/// Where it goes on.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartAnswer {
    authorization_url: String,
}

/// What the provider has sent back, as it stands in the page's address.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SignInRequest {
    state: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    iss: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// Where a sign-in has led.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInAnswer {
    next: String,
    /// Whether an account was linked, rather than signed in to.
    linked: bool,
}

/// The providers, where there are any.
///
/// # Errors
/// 404 where there are none.
pub(super) fn providers_of(app: &App) -> ApiResult<&Oidc> {
    let none = || ApiError::does_not_exist("People don't sign in by OpenID Connect on this server.");
    app.sign_in.oidc.as_ref().ok_or_else(none)
}

/// The providers, for a page that may sign people in here.
///
/// # Errors
/// 404 without any; 403 for a page of another origin.
fn providers_for_page<'a>(app: &'a App, headers: &HeaderMap) -> ApiResult<&'a Oidc> {
    let oidc = providers_of(app)?;
    match Page::of(&app.config, headers).may_sign_in(headers) {
        true => Ok(oidc),
        false => Err(AuthenticationError::ForeignPage.into()),
    }
}

/// Who signs in how here.
#[utoipa::path(
    get,
    path = "/api/v1/oidc",
    operation_id = "get_oidc_provider",
    tag = "login",
    summary = "How people sign in here.",
    responses((status = 200, description = "The providers, if there are any.", body = ProviderAnswer))
)]
pub(crate) async fn get_provider(State(app): State<AppState>) -> Json<ProviderAnswer> {
    let oidc = app.sign_in.oidc.as_ref();
    let one = |it: &Provider| OneProvider { issuer: it.issuer().to_owned(), name: it.name() };
    Json(ProviderAnswer {
        name: oidc.map(Oidc::names),
        providers: oidc.map_or_else(Vec::new, |oidc| oidc.providers().iter().map(one).collect()),
        password_sign_in: app.sign_in.ways_in.password,
    })
}

/// Begins a sign-in, or the linking of an account: the browser gets a cookie, and goes to the address in the answer.
#[utoipa::path(
    post,
    path = "/api/v1/oidc/start",
    operation_id = "start_oidc_sign_in",
    tag = "login",
    summary = "Begin a sign-in by the provider.",
    request_body = StartRequest,
    responses(
        (status = 200, description = "Where it goes on.", body = StartAnswer),
        (status = 404, description = "There is no provider.", body = ErrorModel),
        (status = 503, description = "The provider gives no answer.", body = ErrorModel)
    )
)]
pub(crate) async fn start(
    State(app): State<AppState>,
    principal: MaybePrincipal,
    headers: HeaderMap,
    JsonBody(request): JsonBody<StartRequest>,
) -> ApiResult<Response> {
    let oidc = providers_for_page(&app, &headers)?;
    let provider = oidc.asked(request.provider.as_deref())?;
    let links = match request.link {
        true => {
            let principal = principal.acting()?;
            principal.require_own_sign_in()?;
            Some(principal.user.id.0)
        }
        false => None,
    };
    let (now, random) = (app.env.clock.now(), &app.env.random);
    let pending = PendingSignIn {
        issuer: provider.issuer().to_owned(),
        state: random.text::<BYTES>(),
        nonce: random.text::<BYTES>(),
        verifier: random.text::<BYTES>(),
        redirect_uri: Address::of(CALLBACK, &[]).below(&base_url(&app, &headers)).to_string(),
        next: next(&app, request.next.as_deref()),
        links,
        ends: (now + LIFE).timestamp(),
    };
    let authorization_url = provider.authorization_url(&pending, now).await?;
    let value = oidc.pending.seal(&pending, &**random).ok_or_else(ApiError::internal)?;
    let cookie = cookie(&app, &headers, value);
    Ok((CookieJar::new().add(cookie), Json(StartAnswer { authorization_url })).into_response())
}

/// A page of this server, and nothing of the API.
fn next(app: &App, asked: Option<&str>) -> String {
    let root = &app.config.root_url_path.0;
    let api = Address::of("/api/", &[]).below(root);
    let asked = asked.and_then(|asked| Address::asked(asked, root));
    let asked = asked.filter(|address| !address.as_str().starts_with(api.as_str()));
    asked.unwrap_or_else(|| Address::of("/console/", &[]).below(root)).to_string()
}

/// Where browsers reach this server: as the operator says, else as this one does.
fn base_url(app: &App, headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let root = &app.config.root_url_path.0;
    match (&app.config.server_url, text(ORIGIN).filter(|origin| origin.starts_with("http"))) {
        (Some(url), _) => url.0.clone(),
        (None, Some(origin)) => format!("{origin}{root}"),
        (None, None) => format!("http://{}{root}", text(HOST).unwrap_or("localhost")),
    }
}

fn cookie_name(app: &App) -> String {
    format!("{}-oidc", app.server.cookie_name)
}

fn cookie(app: &App, headers: &HeaderMap, value: String) -> Cookie<'static> {
    let mut cookie = Cookie::build((cookie_name(app), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(session::is_https(app, headers))
        .build();
    cookie.set_max_age(time::Duration::seconds(LIFE.num_seconds()));
    cookie
}

/// Ends a sign-in that has come back from the provider: the browser gets ZenML's session and the console's.
#[utoipa::path(
    post,
    path = "/api/v1/oidc/sign_in",
    operation_id = "end_oidc_sign_in",
    tag = "login",
    summary = "End a sign-in that has come back from the provider.",
    request_body = SignInRequest,
    responses(
        (status = 200, description = "They are signed in, or linked.", body = SignInAnswer),
        (status = 401, description = "They are not, and why.", body = ErrorModel),
        (status = 404, description = "There is no provider.", body = ErrorModel),
        (status = 503, description = "The provider gives no answer.", body = ErrorModel)
    )
)]
pub(crate) async fn sign_in(
    State(app): State<AppState>,
    origin: Origin,
    headers: HeaderMap,
    JsonBody(request): JsonBody<SignInRequest>,
) -> ApiResult<Response> {
    let oidc = providers_for_page(&app, &headers)?;
    let client = origin.client();
    let hit = app.sign_in.login_limit.hit(client.0, app.env.clock.now());
    hit.map_err(|met| ApiError::limited(met.message, met.seconds))?;
    let ended = end(&app, oidc, &origin, &headers, &request).await;
    if let Err(error) = &ended
        && let Some(reason) = refusal(error)
    {
        let event = app.audit.event(&origin, Action::SignInRefused).by(Claim::of("oidc"));
        app.audit.refused(event.refused(reason), None).await;
    }
    let response = ended?;
    app.sign_in.login_limit.reset(client.0);
    Ok(response)
}

async fn end(
    app: &AppState,
    oidc: &Oidc,
    origin: &Origin,
    headers: &HeaderMap,
    request: &SignInRequest,
) -> ApiResult<Response> {
    let now = app.env.clock.now();
    let jar = CookieJar::from_headers(headers);
    let pending = jar.get(&cookie_name(app)).and_then(|cookie| oidc.pending.open(cookie.value(), now));
    let not_begun = "This sign-in was not begun in this browser, or took too long. Begin it again.";
    let pending = pending.ok_or_else(|| ApiError::credentials(not_begun))?;
    if !pending.is_of_state(&request.state) {
        return Err(ApiError::credentials(
            "This is another sign-in than the one that this browser has begun (state).",
        ));
    }
    let provider = oidc.asked(Some(&pending.issuer))?;
    provider.check_sender(request.iss.as_deref(), now).await?;
    if let Some(error) = &request.error {
        let message = format!("{} did not sign you in: {}.", provider.name(), word(error));
        return Err(ApiError::credentials(message));
    }
    let code = request.code.as_deref().filter(|code| !code.is_empty() && code.len() <= LONGEST);
    let code = code.ok_or_else(|| OidcError::refused("The provider has sent no code."))?;
    let signed_in = provider.redeem(code, &pending, now).await?;
    signed_in.person.admit(&provider.settings)?;
    match pending.links {
        Some(account) => link(app, provider, origin, headers, (account, &pending, &signed_in)).await,
        None => {
            let user_id = account::sign_in(app, provider, &signed_in.person, origin).await?;
            issue(app, provider, signed_in, user_id, &pending, (origin, headers)).await
        }
    }
}

/// Links the account of whoever has begun it, if they are still signed in. The state proves that it is no other site's
/// page that asks: the page that the provider has sent the browser to doesn't know the session's CSRF token.
async fn link(
    app: &AppState,
    provider: &Provider,
    origin: &Origin,
    headers: &HeaderMap,
    (account, pending, signed_in): (Uuid, &PendingSignIn, &SignedIn),
) -> ApiResult<Response> {
    let now = app.env.clock.now();
    let token = principal::credential(app, headers).ok_or(AuthenticationError::NoCredential)?;
    let token = principal::verify(app, &token, now).await?;
    let user = principal::holder(app, &token, UsedFrom::Address(origin.client().0), now).await?;
    if !token.is_own_sign_in() || user.id.0 != account {
        return Err(ApiError::credentials("Somebody else is signed in by now. Begin it again."));
    }
    let by = Origin {
        actor: Actor::Claimed(Box::new(token.claim((user.id, user.name.clone())))),
        ..origin.clone()
    };
    account::link(app, provider, &signed_in.person, (account, &user.name), &by).await?;
    let answer = Json(SignInAnswer { next: pending.next.clone(), linked: true });
    Ok((removal(app, headers), answer).into_response())
}

fn removal(app: &App, headers: &HeaderMap) -> CookieJar {
    let mut gone = cookie(app, headers, String::new());
    gone.make_removal();
    CookieJar::new().add(gone)
}

/// Both sessions of one sign-in, whose record and row are durable before they are anybody's.
async fn issue(
    app: &App,
    provider: &Provider,
    signed_in: SignedIn,
    user_id: Id,
    pending: &PendingSignIn,
    (origin, headers): (&Origin, &HeaderMap),
) -> ApiResult<Response> {
    let now = app.env.clock.now();
    let account = app.auth.identities.account(user_id.0).await.map_err(AuthenticationError::from)?;
    let account = account.ok_or(AuthenticationError::UnknownAccount(user_id.0))?;
    let lifetime = app.config.jwt_token_expire_minutes.map(|minutes| i64::from(minutes.0) * 60);
    let standing = Standing {
        generation: app.auth.revocations.stored_generation(user_id.0).await?,
        password_changed_at: account.password_changed_at,
    };
    let token = |session_id| {
        app.auth.tokens.issue(NewToken {
            user_id: user_id.0,
            kind: TokenKind::Login,
            issued_at: now,
            proven_at: None,
            expires_at: lifetime.map(|lifetime| now.timestamp() + lifetime),
            parents: Vec::new(),
            session_id,
            standing,
            scope: Scope::default(),
        })
    };
    let (zenml, console) = (token(None)?, token(Some(app.env.random.uuid()))?);
    let SignedIn { person, refresh_token } = signed_in;
    let sealed = refresh_token.as_ref().and_then(|token| recheck::seal(app, token));
    let issuer = provider.issuer();
    let expires = lifetime.map(|lifetime| now + chrono::TimeDelta::seconds(lifetime));
    let row = &SignInRow {
        id: app.env.random.id_in_time(now),
        user_id,
        person: crate::accounts::identities::digest(issuer, &person.subject),
        token_id: zenml.id,
        console_token_id: console.id,
        check_ms: sign_in_rows::next_check(provider, sealed.is_some(), expires, now)
            .map(|at| at.timestamp_millis()),
        refresh_token: sealed.map(|sealed| SecretText(sealed.into())),
        created: Timestamp::new(now),
        expires: expires.map(Timestamp::new),
    };
    let session = person.session.as_deref().map(|session| sign_in_rows::session_digest(issuer, session));
    let claim = Claim {
        account: Some((user_id, account.name.clone())),
        token_id: Some(console.id),
        ..Claim::of("oidc")
    };
    let event =
        &app.audit.event(origin, Action::SignIn).by(claim).with("other_token_id", zenml.id.to_string());
    let session = &session;
    let written = app.auth_store.write(|mut tx| async move {
        row.insert(&mut tx, session.clone()).await?;
        event.commit(tx, ()).await
    });
    written.await?;
    let surplus = sign_in_rows::surplus(&app.auth_store, user_id).await?;
    if !surplus.is_empty() {
        tracing::info!(user = %account.name, "the oldest of more than {OF_AN_ACCOUNT} sign-ins end");
    }
    ending::end(app, &surplus, origin, "the account has too many").await?;
    let (of_zenml, of_console) = (session::of_zenml(headers), session::of_console(headers));
    let cookies = removal(app, headers)
        .add(session::cookie(app, zenml.token, lifetime, true, &of_zenml))
        .add(session::cookie(app, console.token, lifetime, true, &of_console));
    let answer = Json(SignInAnswer { next: pending.next.clone(), linked: false });
    Ok((cookies, answer).into_response())
}
