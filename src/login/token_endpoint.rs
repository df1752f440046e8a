//! `POST /oauth/token`: the token endpoint of OAuth (RFC 6749, section 3.2). Token exchange and client credentials are
//! answered here; the grants of `POST /api/v1/login` by that, so that there is one endpoint for programs that look up where
//! it is.

use std::collections::HashSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, PRAGMA};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::headers::authorization::Basic;
use axum_extra::headers::{Authorization, HeaderMapExt};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::api_token::unknown_resource;
use super::grants::client_credentials::{self, Client};
use super::grants::token_exchange;
use super::origin::Sender;
use super::sign_in;
use crate::accounts::users::Account;
use crate::app::{App, AppState};
use crate::audit::Origin;
use crate::auth::jwt::IssuedToken;
use crate::auth::permissions::Permissions;
use crate::auth::scope::Downscope;
use crate::auth::{Scope, api_key};
use crate::config::AuthScheme;
use crate::framework::named_project;
use crate::http::error::{ApiError, ApiResult};
use crate::http::form;
use crate::http::openapi::shapes::OAuthError;
use crate::trusts::TrustRow;

pub(crate) const PATH: &str = "/oauth/token";
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const CLIENT_CREDENTIALS: &str = "client_credentials";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// Nobody keeps what has a token in it (RFC 6749, section 5.1).
const UNKEPT: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
/// Projects that may be asked for.
const MOST_PROJECTS: usize = 100;

/// RFC 8693, section 2.2.1; RFC 6749, section 5.1.
#[derive(Serialize, ToSchema)]
#[schema(as = ZendoTokenResponse)]
pub(crate) struct TokenResponse {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// What it may do: docs/tokens.md.
    scope: String,
}

#[derive(ToSchema)]
#[schema(as = ZendoTokenRequest)]
#[expect(dead_code, reason = "it is described, not made: `Form` reads it")]
pub(crate) struct TokenRequest {
    grant_type: String,
    /// The token of somebody else, to be exchanged.
    #[schema(nullable = false)]
    subject_token: Option<String>,
    /// urn:ietf:params:oauth:token-type:jwt or :id_token
    #[schema(nullable = false)]
    subject_token_type: Option<String>,
    /// urn:ietf:params:oauth:token-type:access_token or :jwt, if it is said: the token is both
    #[schema(nullable = false)]
    requested_token_type: Option<String>,
    /// What the token is to be allowed: docs/tokens.md.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// This server, if it is said.
    #[schema(nullable = false)]
    audience: Option<String>,
    /// This server's address, if it is said.
    #[schema(nullable = false)]
    resource: Option<String>,
    /// Name or id of the service account, unless HTTP Basic has it; for an exchange the one that is meant, if rules for
    /// several take the token.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// An API key of the service account, unless HTTP Basic has it.
    #[schema(nullable = false)]
    client_secret: Option<String>,
    /// zendo's own: how many seconds the token is to live.
    #[schema(nullable = false)]
    expires_in: Option<i64>,
    /// zendo's own: what it is called in the list of API tokens.
    #[schema(nullable = false)]
    name: Option<String>,
    /// zendo's own: names or ids of projects, with commas between.
    #[schema(nullable = false)]
    project: Option<String>,
    /// zendo's own: networks that it may be used from, with commas between.
    #[schema(nullable = false)]
    addresses: Option<String>,
}

/// A refusal in OAuth's words.
pub(crate) fn oauth(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::oauth(code, message)
}

/// The fields of a request. An empty one is as good as none (RFC 6749, section 3.2).
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    subject_token: Option<SecretString>,
    subject_token_type: Option<String>,
    requested_token_type: Option<String>,
    has_actor: bool,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    wanted: Wanted,
    expires_in: Option<String>,
}

/// What a token is to be.
#[derive(Default)]
pub(crate) struct Wanted {
    scope: Option<String>,
    projects: Option<String>,
    addresses: Option<String>,
    /// Seconds.
    expires_in: Option<i64>,
    pub name: Option<String>,
    /// Where the token is to be used: resources by their address, and others by a name.
    resources: Vec<String>,
    audiences: Vec<String>,
    /// Whose token is meant, if rules for several take the same one.
    client: Option<String>,
    base_url: String,
}

impl Form {
    fn read(headers: &HeaderMap, body: &[u8]) -> ApiResult<Self> {
        if !form::is_form(headers) {
            let reason = "The body has to be a form (application/x-www-form-urlencoded).";
            return Err(oauth("invalid_request", reason));
        }
        let (mut read, mut names) = (Self::default(), HashSet::new());
        for (name, value) in form::fields(headers, body) {
            // Only these may be said several times (RFC 8693, section 2.1).
            let is_target = matches!(name.as_ref(), "audience" | "resource");
            if !is_target && !names.insert(name.clone()) {
                return Err(oauth("invalid_request", "The form says a parameter twice."));
            }
            if !value.is_empty() {
                read.put(&name, value.into_owned());
            }
        }
        if let Some(text) = &read.expires_in {
            let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
            let refuse = || oauth("invalid_request", "expires_in has to be a number of seconds above 0.");
            read.wanted.expires_in = Some(seconds.ok_or_else(refuse)?);
        }
        Ok(read)
    }

    fn put(&mut self, name: &str, value: String) {
        match name {
            "grant_type" => self.grant_type = Some(value),
            "subject_token" => self.subject_token = Some(value.into()),
            "subject_token_type" => self.subject_token_type = Some(value),
            "requested_token_type" => self.requested_token_type = Some(value),
            "actor_token" | "actor_token_type" => self.has_actor = true,
            "client_id" => self.client_id = Some(value),
            "client_secret" => self.client_secret = Some(value.into()),
            "scope" => self.wanted.scope = Some(value),
            "project" => self.wanted.projects = Some(value),
            "addresses" => self.wanted.addresses = Some(value),
            "expires_in" => self.expires_in = Some(value),
            "name" => self.wanted.name = Some(value),
            "audience" => self.wanted.audiences.push(value),
            "resource" => self.wanted.resources.push(value),
            _ => {}
        }
    }

    /// The client of HTTP Basic (RFC 6749, section 2.3.1), or of the form.
    fn client(&mut self, headers: &HeaderMap) -> ApiResult<Client> {
        let id = self.client_id.take();
        let secret = self.client_secret.take();
        if !headers.contains_key(AUTHORIZATION) {
            let missing = || ApiError::credentials("A client ID and its secret are needed.");
            return Ok(Client { id: id.ok_or_else(missing)?, secret: secret.ok_or_else(missing)? });
        }
        let Some(Authorization(basic)) = headers.typed_get::<Authorization<Basic>>() else {
            return Err(ApiError::credentials("The client's credentials can't be read."));
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
        let unreadable = |_| ApiError::credentials("The client's credentials can't be read.");
        let of_basic = decoded(basic.username()).map_err(unreadable)?;
        if secret.is_some() || id.is_some_and(|id| id != of_basic) {
            let reason = "The client says who it is by HTTP Basic and in the form.";
            return Err(oauth("invalid_request", reason));
        }
        // A plus sign of a key's base64 is no space, whether or not a client has encoded it.
        Ok(Client { id: of_basic, secret: decoded(basic.password()).map_err(unreadable)?.into() })
    }

    /// What kind of token is asked for: both are the same one.
    fn check_exchange(&self) -> ApiResult<&'static str> {
        let refuse = |reason: String| Err(oauth("invalid_request", reason));
        match self.subject_token_type.as_deref() {
            Some(JWT | ID_TOKEN) => {}
            Some(_) => return refuse(format!("subject_token_type has to be {JWT} or {ID_TOKEN}.")),
            None => return refuse("subject_token_type is missing.".to_owned()),
        }
        let requested = match self.requested_token_type.as_deref() {
            None | Some(ACCESS_TOKEN) => ACCESS_TOKEN,
            Some(JWT) => JWT,
            Some(_) => {
                return refuse(format!("requested_token_type can be nothing but {ACCESS_TOKEN} or {JWT}."));
            }
        };
        match self.has_actor {
            true => refuse("Nobody acts for somebody else here: there is no actor_token.".to_owned()),
            false => Ok(requested),
        }
    }
}

impl Wanted {
    /// Whether the token is to be of this account, or by this rule.
    pub(crate) fn is_meant(&self, rule: &TrustRow, account: &Account) -> bool {
        self.client.as_deref().is_none_or(|client| {
            [account.name.as_str(), rule.name.as_str()].contains(&client)
                || [account.id.to_string(), rule.id.to_string()].iter().any(|id| id == client)
        })
    }

    /// # Errors
    /// `invalid_target` for a token that is to be used elsewhere (RFC 8693, section 2.2.2).
    pub(crate) fn check_target(&self, app: &App, of_rule: &str) -> ApiResult<()> {
        let (issuer, audience) = app.auth.tokens.parties();
        let own = [issuer, audience, app.own_audience(), of_rule, self.base_url.as_str()];
        let is_own = |target: &String| own.iter().any(|own| is_below(target, own));
        // A resource is an address, without a fragment (RFC 8693, section 2.1; RFC 8707, section 2).
        let is_address = |target: &String| Url::parse(target).is_ok_and(|target| target.fragment().is_none());
        match self.audiences.iter().all(is_own)
            && self.resources.iter().all(|to| is_address(to) && is_own(to))
        {
            true => Ok(()),
            false => Err(oauth("invalid_target", "A token is given for this server alone.")),
        }
    }

    /// Seconds that it lives: what is asked for, within what the server and `most` have.
    pub(crate) fn lifetime(&self, app: &App, most: Option<i64>) -> i64 {
        let longest = i64::from(app.config.generic_api_token_max_lifetime.0);
        let usual = i64::from(app.config.default_token_lifetime());
        let asked = self.expires_in.or(most).unwrap_or(usual);
        asked.min(longest).min(most.unwrap_or(longest))
    }
}

/// Whether it is the same name, or an address at or below the same one.
fn is_below(target: &str, own: &str) -> bool {
    let (target, own) = (target.trim_end_matches('/'), own.trim_end_matches('/'));
    let rest = target.strip_prefix(own);
    rest.is_some_and(|rest| rest.is_empty() || (own.starts_with("http") && rest.starts_with('/')))
}

/// What is left of a scope by a rule's limits and those that are asked for.
///
/// # Errors
/// `invalid_scope` for what is none, and when nothing is left.
pub(crate) async fn narrowed(
    app: &App,
    base: &Scope,
    limits: &Downscope,
    wanted: &Wanted,
) -> ApiResult<Scope> {
    let invalid = |reason: String| oauth("invalid_scope", reason);
    let asked = Downscope {
        permissions: match &wanted.scope {
            Some(scope) => Some(permissions(app, scope)?),
            None => None,
        },
        projects: match &wanted.projects {
            Some(names) => {
                let names: Vec<&str> = names.split(',').map(str::trim).collect();
                if names.len() > MOST_PROJECTS {
                    return Err(invalid(format!("There are more than {MOST_PROJECTS} projects.")));
                }
                let mut ids = std::collections::BTreeSet::new();
                for name in names {
                    let found = named_project(&app.auth_store, name).await;
                    ids.insert(found.map_err(|error| unknown_project(error, name))?.0);
                }
                Some(ids)
            }
            None => None,
        },
        addresses: match &wanted.addresses {
            Some(text) => Some(text.parse().map_err(|error| invalid(format!("addresses: {error}.")))?),
            None => None,
        },
    };
    let narrowed = base.downscoped_by(limits).and_then(|scope| scope.downscoped_by(&asked));
    let scope = narrowed.map_err(|error| invalid(error.to_string()))?;
    let is_nothing = scope.permissions.as_ref().is_some_and(|left| left.to_string() == "*:none");
    match is_nothing && wanted.scope.is_some() {
        true => Err(invalid("The token would be allowed nothing of that.".to_owned())),
        false => Ok(scope),
    }
}

fn unknown_project(error: ApiError, name: &str) -> ApiError {
    match error.status() {
        StatusCode::NOT_FOUND => oauth("invalid_scope", format!("There is no project '{name}'.")),
        _ => error,
    }
}

fn permissions(app: &App, scope: &str) -> ApiResult<Permissions> {
    let permissions: Permissions =
        scope.parse().map_err(|error| oauth("invalid_scope", format!("{error}.")))?;
    match unknown_resource(&permissions, app.server.kinds) {
        None => Ok(permissions),
        Some(unknown) => Err(oauth("invalid_scope", format!("'{unknown}' is no kind of resource."))),
    }
}

#[utoipa::path(
    post,
    path = PATH,
    operation_id = "get_oauth_token",
    tag = "oauth",
    summary = "A token for an identity (RFC 8693), or for a client's credentials (RFC 6749, section 4.4).",
    description = "Token exchange: the token of an issuer that a trust rule names, for an API token of the rule's \
                   service account. Client credentials: a service account's name and API key. The other grants are \
                   those of /api/v1/login.",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = TokenResponse),
        (status = 400, description = "Why not (RFC 6749, section 5.2)", body = OAuthError),
        (status = 401, description = "The client's credentials are wrong", body = OAuthError)
    )
)]
pub(crate) async fn token(
    State(app): State<AppState>,
    origin: Origin,
    sender: Sender,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    let mut form = Form::read(&headers, &body)?;
    let Some(grant_type) = form.grant_type.take() else {
        return Err(oauth("invalid_request", "grant_type is missing."));
    };
    let is_own = matches!(grant_type.as_str(), TOKEN_EXCHANGE | CLIENT_CREDENTIALS);
    let has_tokens =
        matches!(app.config.auth_scheme, AuthScheme::OAuth2PasswordBearer | AuthScheme::External);
    if is_own && !has_tokens {
        return Err(oauth("unsupported_grant_type", "This server's scheme has no tokens."));
    }
    let client = sender.address;
    if is_own {
        let hit = app.sign_in.login_limit.hit(client, app.env.clock.now());
        hit.map_err(|met| ApiError::limited(met.message, met.seconds))?;
    }
    form.wanted.base_url = app.base_url(&headers);
    let (given, kind) = match grant_type.as_str() {
        TOKEN_EXCHANGE => {
            let issued = form.check_exchange()?;
            form.wanted.client = form.client_id.take();
            let Some(subject_token) = form.subject_token else {
                return Err(oauth("invalid_request", "subject_token is missing."));
            };
            let given =
                Box::pin(token_exchange::exchange(&app, &origin, sender, &subject_token, &form.wanted));
            (given.await?, Some(issued))
        }
        CLIENT_CREDENTIALS => {
            let client = form.client(&headers)?;
            form.wanted.check_target(&app, app.own_audience())?;
            if !client.secret.expose_secret().trim_start().starts_with(api_key::PREFIX) {
                return Err(ApiError::credentials("The client's secret is no API key."));
            }
            let given = Box::pin(client_credentials::grant(&app, &origin, sender, &client, &form.wanted));
            (given.await?, None)
        }
        "password" | "zenml-api-key" | "zenml-external" | sign_in::DEVICE_CODE => {
            return sign_in::log_in(State(app), origin, headers, body).await;
        }
        _ => return Err(oauth("unsupported_grant_type", "There is no such grant_type here.")),
    };
    app.sign_in.login_limit.reset(client);
    Ok(answer(given, kind))
}

fn answer((token, scope, lifetime): (IssuedToken, Scope, i64), kind: Option<&'static str>) -> Response {
    let permissions = scope.permissions.unwrap_or_else(Permissions::all);
    let answer = TokenResponse {
        access_token: token.token,
        issued_token_type: kind,
        token_type: "Bearer",
        expires_in: lifetime,
        scope: permissions.to_string(),
    };
    (UNKEPT, Json(answer)).into_response()
}
