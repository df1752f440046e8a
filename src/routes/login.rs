//! Signing in: one grant traded for an access token (RFC 6749, section 4.3).

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN, REFERER};
use axum::http::{HeaderMap, StatusCode};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, AppState};
use crate::auth::Scope;
use crate::auth::jwt::{NewToken, TokenKind, issue_time};
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::openapi::ErrorModel;
use crate::resources::users::{self, PasswordRow};

/// The answer to a sign-in (contract schema OAuthTokenResponse; RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
pub struct OAuthTokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds; null for a token that lives until the password changes.
    expires_in: Option<i64>,
    refresh_token: Option<String>,
    /// To be sent as X-CSRF-Token when the sign-in came from another site.
    csrf_token: Option<String>,
    scope: Option<String>,
    device_id: Option<uuid::Uuid>,
    #[schema(value_type = Option<Object>)]
    device_metadata: Option<()>,
}

/// The form of a sign-in (contract schema Body_token_api_v1_login_post).
#[derive(Default, ToSchema)]
#[schema(as = Body_token_api_v1_login_post)]
struct LoginForm {
    grant_type: Option<String>,
    username: Option<String>,
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    client_id: Option<String>,
    device_code: Option<String>,
}

impl LoginForm {
    /// Any other body is as good as an empty form.
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut form = Self::default();
        if !content_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return form;
        }
        for (name, value) in form_urlencoded::parse(body) {
            let value = value.into_owned();
            match name.as_ref() {
                "grant_type" => form.grant_type = Some(value),
                "username" => form.username = Some(value),
                "password" => form.password = Some(value.into()),
                "client_id" => form.client_id = Some(value),
                "device_code" => form.device_code = Some(value),
                _ => {}
            }
        }
        form
    }

    /// The grant that is named, or that the fields tell.
    fn grant(&self) -> ApiResult<Grant> {
        let not_empty = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if not_empty(&self.grant_type) {
            return Grant::named(self.grant_type.as_deref().unwrap_or_default());
        }
        Ok(match self {
            form if not_empty(&form.username) => Grant::Password,
            form if form.password.is_some() => Grant::ApiKey,
            form if not_empty(&form.device_code) => Grant::DeviceCode,
            _ => Grant::Password,
        })
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
            "urn:ietf:params:oauth:grant-type:device_code" => Ok(Self::DeviceCode),
            "zenml-external" => Ok(Self::External),
            _ => Err(ApiError::plain(StatusCode::BAD_REQUEST, format!("Unsupported grant type: {name}"))),
        }
    }
}

/// Signs in and answers with a token, in the body and in a cookie.
#[utoipa::path(
    post,
    path = "/api/v1/login",
    operation_id = "token_api_v1_login_post",
    tag = "auth",
    security(()),
    request_body(content = inline(LoginForm), content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = OAuthTokenResponse),
        (status = 400, body = ErrorModel),
        (status = 401, body = ErrorModel),
        (status = 422, body = ErrorModel)
    )
)]
pub async fn log_in(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<(CookieJar, Json<OAuthTokenResponse>)> {
    let form = LoginForm::read(&headers, &body);
    match form.grant()? {
        Grant::Password => {}
        grant => {
            let message = format!("The {grant:?} grant of login is not part of zendo yet");
            return Err(ApiError::new(ErrorKind::NotImplementedError, message));
        }
    }
    let user = check_password(&app, form).await?;
    let now = app.clock.now();
    let lifetime = app.config.jwt_token_expire_minutes.map(|minutes| i64::from(minutes.0) * 60);
    let is_same_site = is_same_site(&app, &headers);
    let session_id = (!is_same_site).then(|| app.random.uuid());
    let access_token = app.tokens.issue(NewToken {
        user_id: user.id.0,
        kind: TokenKind::Login,
        issued_at: issue_time(now, user.password_changed_at),
        expires_at: lifetime.map(|lifetime| now.timestamp() + lifetime),
        session_id,
        scope: Scope::default(),
    });
    let access_token = access_token.map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        ApiError::internal()
    })?;
    let cookie = session_cookie(&app, access_token.clone(), lifetime, is_same_site);
    let response = OAuthTokenResponse {
        access_token,
        token_type: "bearer",
        expires_in: lifetime,
        refresh_token: None,
        csrf_token: session_id.map(|session_id| app.csrf_tokens.issue(session_id)),
        scope: None,
        device_id: None,
        device_metadata: None,
    };
    Ok((CookieJar::new().add(cookie), Json(response)))
}

async fn check_password(app: &App, form: LoginForm) -> ApiResult<PasswordRow> {
    let username = form
        .username
        .filter(|name| !name.is_empty())
        .ok_or_else(|| ApiError::plain(StatusCode::BAD_REQUEST, "Invalid request: username is required."))?;
    let mut user = users::find_password(&app.store, &username).await?;
    let hash = user.as_mut().and_then(PasswordRow::take_hash);
    let hash = hash.as_ref().map(secrecy::ExposeSecret::expose_secret);
    let is_right = app.passwords.verify(form.password.unwrap_or_default(), hash).await?;
    let refuse = |reason: String| Err(ApiError::new(ErrorKind::CredentialsNotValid, reason));
    match user {
        Some(user) if is_right && user.active => Ok(user),
        Some(user) if is_right => refuse(format!("Authentication error: user {} is not active", user.name)),
        _ => refuse("Authentication error: invalid username or password".to_owned()),
    }
}

/// A sign-in from another site's page gets a token that needs a CSRF token beside it.
fn is_same_site(app: &App, headers: &HeaderMap) -> bool {
    let header = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let host_of = |text: &str| url::Url::parse(text).ok()?.host_str().map(str::to_owned);
    let Some(origin) = header(ORIGIN.as_str()).or_else(|| header(REFERER.as_str())).and_then(host_of) else {
        return true;
    };
    let configured = match (&app.config.auth_cookie_domain, &app.config.server_url) {
        (Some(domain), _) => Some(domain.0.trim_start_matches('.').to_owned()),
        (None, Some(url)) => host_of(&url.0),
        (None, None) => None,
    };
    let asked = || header("x-forwarded-host").or_else(|| header(HOST.as_str())).map(without_port);
    let Some(server) = configured.or_else(asked) else {
        return true;
    };
    let (origin, server) = (origin.to_ascii_lowercase(), server.to_ascii_lowercase());
    origin == server || origin.strip_suffix(&server).is_some_and(|front| front.ends_with('.'))
}

fn without_port(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.to_owned()
}

fn session_cookie(app: &App, token: String, lifetime: Option<i64>, is_same_site: bool) -> Cookie<'static> {
    let is_plain_http = app.config.server_url.as_ref().is_some_and(|url| url.0.starts_with("http://"));
    let mut cookie = Cookie::build((app.cookie_name.clone(), token))
        .path("/")
        .http_only(true)
        .secure(!is_same_site && !is_plain_http)
        .same_site(if is_same_site || is_plain_http { SameSite::Lax } else { SameSite::None })
        .build();
    if let Some(lifetime) = lifetime {
        cookie.set_max_age(time::Duration::seconds(lifetime));
    }
    if let Some(domain) = &app.config.auth_cookie_domain {
        cookie.set_domain(domain.0.clone());
    }
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(body: &str) -> Result<Grant, ()> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        LoginForm::read(&headers, body.as_bytes()).grant().map_err(drop)
    }

    #[test]
    fn the_fields_tell_the_grant() {
        assert_eq!(grant("username=a&password=b"), Ok(Grant::Password));
        assert_eq!(grant("username=&password=b"), Ok(Grant::ApiKey));
        assert_eq!(grant("password=b"), Ok(Grant::ApiKey));
        assert_eq!(grant("device_code=b"), Ok(Grant::DeviceCode));
        assert_eq!(grant(""), Ok(Grant::Password));
        assert_eq!(grant("grant_type=&username=a"), Ok(Grant::Password));
        assert_eq!(grant("grant_type=zenml-external"), Ok(Grant::External));
        assert_eq!(grant("grant_type=foo&username=a"), Err(()));
    }

    #[test]
    fn a_port_is_no_part_of_a_site() {
        assert_eq!(without_port("a.example:8080"), "a.example");
        assert_eq!(without_port("a.example"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
