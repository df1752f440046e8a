//! Signing in: one grant traded for an access token (RFC 6749, section 4.3).

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use super::grants::external::External;
use super::grants::{self, Grantee};
use super::session;
use super::used_from::UsedFrom;
use crate::app::{App, AppState};
use crate::audit::{Action, Claim, Origin};
use crate::auth::claims::TokenKind;
use crate::auth::jwt::NewToken;
use crate::auth::known_places::Place;
use crate::auth::{AuthenticationError, Scope, Standing, refusal};
use crate::config::{AuthScheme, ServerSettings};
use crate::http::error::{ApiError, ApiResult};
use crate::http::form;
use crate::http::page::Page;
use crate::store::Id;

pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The answer to a sign-in (contract schema OAuthTokenResponse; RFC 6749, section 5.1).
#[derive(Serialize)]
pub(crate) struct OAuthTokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds; null for a token that lives until the password changes.
    expires_in: Option<i64>,
    refresh_token: Option<String>,
    /// To be sent as X-CSRF-Token when the sign-in came from another site.
    csrf_token: Option<String>,
    scope: Option<String>,
    device_id: Option<Uuid>,
    device_metadata: Option<()>,
}

/// Where to sign in instead (contract schema OAuthRedirectResponse).
#[derive(Serialize)]
pub(crate) struct OAuthRedirectResponse {
    authorization_url: String,
}

/// What a sign-in is answered with.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum LoginResponse {
    Token(OAuthTokenResponse),
    Redirect(OAuthRedirectResponse),
}

/// The form of a sign-in (contract schema Body_token_api_v1_login_post).
#[derive(Default)]
struct LoginForm {
    grant_type: Option<String>,
    username: Option<String>,
    password: Option<SecretString>,
    client_id: Option<String>,
    device_code: Option<SecretString>,
}

impl LoginForm {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form::fields(headers, body) {
            let value = value.into_owned();
            match name.as_ref() {
                // An empty field is as good as none.
                _ if value.is_empty() => {}
                "grant_type" => form.grant_type = Some(value),
                "username" => form.username = Some(value),
                "password" => form.password = Some(value.into()),
                "client_id" => form.client_id = Some(value),
                "device_code" => form.device_code = Some(value.into()),
                _ => {}
            }
        }
        form
    }

    /// The grant that is named, or that the fields tell, if the server's scheme has it.
    fn grant(&self, settings: &ServerSettings) -> ApiResult<Grant> {
        let grant = match self {
            Self { grant_type: Some(name), .. } => Grant::named(name)?,
            form if form.username.is_some() => Grant::Password,
            form if form.password.is_some() => Grant::ApiKey,
            form if form.device_code.is_some() => Grant::DeviceCode,
            _ if settings.auth_scheme == AuthScheme::External => Grant::External,
            _ => Grant::Password,
        };
        grant.check(settings.auth_scheme)?;
        Ok(grant)
    }

    /// The device that polls, and the code it keeps.
    fn device(self) -> ApiResult<(Id, SecretString)> {
        let refuse = |reason| ApiError::plain(StatusCode::BAD_REQUEST, format!("Invalid request: {reason}"));
        let (Some(client_id), Some(device_code)) = (self.client_id, self.device_code) else {
            return Err(refuse("device code and client ID are required."));
        };
        let client_id = Uuid::try_parse(&client_id).map_err(|_| refuse("invalid client ID."))?;
        Ok((Id(client_id), device_code))
    }
}

/// Ways to prove who one is (contract: OAuthGrantTypes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    Password,
    ApiKey,
    DeviceCode,
    External,
}

impl Grant {
    fn named(name: &str) -> ApiResult<Self> {
        match name {
            "password" => Ok(Self::Password),
            "zenml-api-key" => Ok(Self::ApiKey),
            DEVICE_CODE => Ok(Self::DeviceCode),
            "zenml-external" => Ok(Self::External),
            _ => Err(ApiError::plain(StatusCode::BAD_REQUEST, format!("Unsupported grant type: {name}"))),
        }
    }

    fn check(self, scheme: AuthScheme) -> ApiResult<()> {
        let unsupported = |name: &str| {
            Err(ApiError::plain(StatusCode::BAD_REQUEST, format!("Unsupported grant type: {name}.")))
        };
        match self {
            Self::Password if scheme == AuthScheme::External => unsupported("password"),
            Self::External if scheme != AuthScheme::External => unsupported("zenml-external"),
            Self::DeviceCode if matches!(scheme, AuthScheme::External | AuthScheme::NoAuth) => {
                Err(ApiError::plain(StatusCode::FORBIDDEN, "Device authorization is not supported."))
            }
            _ => Ok(()),
        }
    }
}

/// Signs in and answers with a token, in the body and, for a browser, in a cookie.
#[utoipa::path(
    post,
    path = "/api/v1/login",
    params((
        "X-Zendo-Session" = Option<String>,
        Header,
        nullable = false,
        description = "`console` for a session of the web console: a cookie of its own, strict, that counts beside \
                       this header and X-CSRF-Token."
    ))
)]
pub(crate) async fn log_in(
    State(app): State<AppState>,
    origin: Origin,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    let form = LoginForm::read(&headers, &body);
    let grant = form.grant(&app.config)?;
    if !Page::of(&app.config, &headers).may_sign_in(&headers) {
        return Err(AuthenticationError::ForeignPage.into());
    }
    let claim = claim(&app, &form, grant).await;
    let typed = form.username.clone().filter(|_| grant == Grant::Password);
    let place = Place::of(&app, &headers, origin.client());
    let grantee = match prove(&app, &origin, &headers, form, (grant, &place)).await {
        Ok(Proof::Given(grantee)) => *grantee,
        Ok(Proof::Elsewhere(redirect)) => return Ok(Json(LoginResponse::Redirect(redirect)).into_response()),
        Err(error) => {
            if let Some(reason) = refusal(&error) {
                let event = app.audit.event(&origin, Action::SignInRefused).by(claim).refused(reason);
                app.audit.refused(event, typed.as_deref()).await;
            }
            return Err(error);
        }
    };
    let mut response = issue(&app, grantee, &origin, claim, &headers).await?;
    let browser = place.cookie(&app, &headers).filter(|_| grant == Grant::Password);
    if let Some(cookie) = browser.and_then(|cookie| HeaderValue::try_from(cookie.to_string()).ok()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What a sign-in ends in.
enum Proof {
    Given(Box<Grantee>),
    /// Nobody has signed in yet at the service that knows people.
    Elsewhere(OAuthRedirectResponse),
}

async fn prove(
    app: &AppState,
    origin: &Origin,
    headers: &HeaderMap,
    form: LoginForm,
    (grant, place): (Grant, &Place),
) -> ApiResult<Proof> {
    let client = origin.client();
    // Polling for a device's approval is no attempt at signing in.
    let is_limited = grant != Grant::DeviceCode;
    if is_limited {
        let hit = app.sign_in.login_limit.hit(client.0, app.env.clock.now());
        hit.map_err(|met| ApiError::limited(met.message, met.seconds))?;
    }
    let grantee = match grant {
        Grant::Password => {
            let username = form.username;
            let username = username.ok_or_else(|| {
                ApiError::plain(StatusCode::BAD_REQUEST, "Invalid request: username is required.")
            })?;
            grants::password::verify(app, &username, form.password.unwrap_or_default(), place).await?
        }
        Grant::External => match grants::external::verify(app, origin, headers).await? {
            External::Signed(grantee) => *grantee,
            External::GoTo { authorization_url } => {
                return Ok(Proof::Elsewhere(OAuthRedirectResponse { authorization_url }));
            }
        },
        Grant::ApiKey => {
            let Some(key) = form.password else {
                return Err(ApiError::plain(StatusCode::BAD_REQUEST, "API key is required."));
            };
            grants::api_key::verify(app, key.expose_secret(), UsedFrom::Address(client.0)).await?
        }
        Grant::DeviceCode => {
            let (client_id, device_code) = form.device()?;
            let (user, device) = grants::device::exchange(app, origin, client_id, device_code).await?;
            Grantee {
                user_id: user.id,
                password_changed_at: user.password_changed_at,
                scope: Scope { device_id: Some(device.id.0), ..Scope::default() },
                expires_at: device.body.expires.map(|expires| expires.to_utc().timestamp()),
                parents: Vec::new(),
                is_browser: false,
            }
        }
    };
    if is_limited {
        app.sign_in.login_limit.reset(client.0);
    }
    Ok(Proof::Given(Box::new(grantee)))
}

/// Who wants to sign in, as far as it can be told before they have proved it.
async fn claim(app: &App, form: &LoginForm, grant: Grant) -> Claim {
    match (grant, &form.password) {
        (Grant::ApiKey, Some(key)) => grants::api_key::claim(app, key.expose_secret()).await,
        (Grant::ApiKey, None) => Claim::of("api_key"),
        (Grant::Password, _) => Claim::of("password"),
        (Grant::DeviceCode, _) => Claim::of("device_code"),
        (Grant::External, _) => Claim::of("external"),
    }
}

/// The sign-in's record is durable before its token is anybody's.
async fn issue(
    app: &App,
    grantee: Grantee,
    origin: &Origin,
    claim: Claim,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let account = app.auth.identities.account(grantee.user_id.0).await.map_err(AuthenticationError::from)?;
    let claim = Claim {
        account: account.map(|account| (account.id, account.name.clone())),
        api_key_id: grantee.scope.api_key_id.map(Id),
        device_id: grantee.scope.device_id.map(Id),
        ..claim
    };
    let now = app.env.clock.now();
    let configured =
        app.config.jwt_token_expire_minutes.map(|minutes| now.timestamp() + i64::from(minutes.0) * 60);
    let expires_at = match grantee.scope.api_key_id {
        None => grantee.expires_at.or(configured),
        Some(_) => [grantee.expires_at, configured].into_iter().flatten().min(),
    };
    let lifetime = expires_at.map(|end| (end - now.timestamp()).max(0));
    let is_same_site = !grantee.is_browser || Page::of(&app.config, headers).is_same_site;
    let is_console = grantee.is_browser && session::is_console(headers);
    let session_id = (is_console || !is_same_site).then(|| app.env.random.uuid());
    let user_id = grantee.user_id.0;
    let standing = Standing {
        generation: app.auth.revocations.stored_generation(user_id).await?,
        password_changed_at: grantee.password_changed_at,
    };
    let issued = app.auth.tokens.issue(NewToken {
        user_id,
        kind: TokenKind::Login,
        issued_at: now,
        proven_at: None,
        expires_at,
        parents: grantee.parents,
        session_id,
        standing,
        scope: grantee.scope,
    })?;
    let claim = Claim { token_id: Some(issued.id), ..claim };
    app.audit.record(app.audit.event(origin, Action::SignIn).by(claim)).await?;
    let access_token = issued.token;
    let cookie = session::cookie(app, access_token.clone(), lifetime, is_same_site, headers);
    let response = Json(LoginResponse::Token(OAuthTokenResponse {
        // No script of the console is to have the token.
        access_token: if is_console { String::new() } else { access_token },
        token_type: "bearer",
        expires_in: lifetime,
        refresh_token: None,
        csrf_token: session_id.map(|session_id| app.auth.csrf_tokens.issue(session_id)),
        scope: None,
        device_id: None,
        device_metadata: None,
    }));
    Ok(match grantee.is_browser {
        true => (CookieJar::new().add(cookie), response).into_response(),
        false => response.into_response(),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    fn grant_under(scheme: AuthScheme, body: &str) -> Result<Grant, ()> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        let settings = ServerSettings { auth_scheme: scheme, ..ServerSettings::default() };
        LoginForm::read(&headers, body.as_bytes()).grant(&settings).map_err(drop)
    }

    fn grant(body: &str) -> Result<Grant, ()> {
        grant_under(AuthScheme::OAuth2PasswordBearer, body)
    }

    #[test]
    fn a_scheme_has_its_grants() {
        assert_eq!(grant_under(AuthScheme::External, ""), Ok(Grant::External));
        assert_eq!(grant_under(AuthScheme::External, "username=a&password=b"), Err(()));
        assert_eq!(grant_under(AuthScheme::External, "device_code=b"), Err(()));
        assert_eq!(grant_under(AuthScheme::NoAuth, "username=a"), Ok(Grant::Password));
    }

    #[test]
    fn the_fields_tell_the_grant() {
        assert_eq!(grant("username=a&password=b"), Ok(Grant::Password));
        assert_eq!(grant("username=&password=b"), Ok(Grant::ApiKey));
        assert_eq!(grant("password=b"), Ok(Grant::ApiKey));
        assert_eq!(grant("device_code=b"), Ok(Grant::DeviceCode));
        assert_eq!(grant(""), Ok(Grant::Password));
        assert_eq!(grant("grant_type=&username=a"), Ok(Grant::Password));
        assert_eq!(grant("grant_type=zenml-external"), Err(()));
        assert_eq!(grant("grant_type=foo&username=a"), Err(()));
    }
}
