//! Introspection (RFC 7662): whether a token is good, and what it says.

use axum::Json;
use axum::body::Bytes;
use axum::http::HeaderMap;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{IntrospectionForm, address_of_form, require_right, token_of_form};
use crate::app::Auth;
use crate::auth::api_key::ApiKey;
use crate::auth::claims::{Claims, TokenKind};
use crate::auth::permissions::Permissions;
use crate::auth::{Addresses, Credential, Principal};
use crate::config::AuthScheme;
use crate::framework::Context;
use crate::http::error::ApiResult;
use crate::http::openapi::shapes::OAuthError;
use crate::login::principal;
use crate::login::used_from::UsedFrom;

/// Why a token is not good is nobody's business here (section 2.2).
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Introspection {
    Active(Box<ActiveToken>),
    Inactive { active: bool },
}

/// What a good token says; of any other only that it isn't `active`. Times are seconds since 1970 (RFC 7662, section 2.2).
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Introspection)]
pub(crate) struct ActiveToken {
    active: bool,
    /// What it may do: see docs/tokens.md. `*:write` is all that its user may.
    #[schema(required = false)]
    scope: String,
    #[schema(required = false)]
    username: String,
    #[schema(required = false)]
    token_type: &'static str,
    #[schema(required = false)]
    sub: Uuid,
    #[schema(required = false)]
    aud: String,
    #[schema(required = false)]
    iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    jti: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    auth_time: Option<i64>,
    // None for a token of ZenML's and an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    kind: Option<TokenKind>,
    #[schema(required = false)]
    is_service_account: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    projects: Option<Vec<Uuid>>,
    /// The networks it may be used from, if not from all: the program that asks looks where the token came from, or says so
    /// in the form's `address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    addresses: Option<Addresses>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    api_key_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    schedule_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pipeline_run_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deployment_id: Option<Uuid>,
}

/// Asks of the token all that is asked of a request's.
#[utoipa::path(
    post,
    path = super::INTROSPECT,
    operation_id = "introspect_token",
    tag = "oauth",
    summary = "Whether a token is good, and what it says (RFC 7662).",
    description = "For admins and the service accounts in ZENDO_INTROSPECTION_ACCOUNTS.",
    request_body(content = IntrospectionForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "`active` and, when it is true, what the token says", body = ActiveToken),
        (status = 400, description = "What was sent is no form with one token", body = OAuthError)
    ),
    security(("CookieOAuth2TokenBearer" = []), ("ApiKeyAsPassword" = []))
)]
pub(crate) async fn introspect(
    cx: Context,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Json<Introspection>> {
    require_right(&cx.programs, &cx.principal)?;
    let token = token_of_form(&headers, &body)?;
    let from = address_of_form(&headers, &body)?.map_or(UsedFrom::Untold, UsedFrom::Address);
    let token = token.expose_secret();
    // Under the other schemes no request passes for its token.
    if !matches!(cx.config.auth_scheme, AuthScheme::OAuth2PasswordBearer | AuthScheme::External) {
        return Ok(Json(Introspection::Inactive { active: false }));
    }
    match principal::principal_of(&cx, token, None, from, cx.env.clock.now()).await {
        Ok(holder) => {
            let key = ApiKey::decode(token).map(|key| key.id.0);
            Ok(Json(Introspection::Active(Box::new(ActiveToken::of(&cx.auth, &holder, key)))))
        }
        Err(error) if error.is_refusal() => Ok(Json(Introspection::Inactive { active: false })),
        Err(error) => Err(error.into()),
    }
}

impl ActiveToken {
    fn of(auth: &Auth, holder: &Principal, key: Option<Uuid>) -> Self {
        let said = match &holder.credential {
            Credential::Token(token) => Self::of_claims(&token.claims),
            _ => {
                let (iss, aud) = auth.tokens.parties();
                Self { api_key_id: key, iss: iss.to_owned(), aud: aud.to_owned(), ..Self::default() }
            }
        };
        Self {
            active: true,
            scope: scope_of(holder),
            username: holder.user.name.clone(),
            token_type: "Bearer",
            sub: holder.user.id.0,
            is_service_account: holder.user.body.is_service_account,
            projects: holder.projects().map(|projects| projects.iter().copied().collect()),
            addresses: holder.scope().and_then(|scope| scope.addresses.clone()),
            ..said
        }
    }

    fn of_claims(claims: &Claims) -> Self {
        let scope = &claims.scope;
        Self {
            aud: claims.aud.clone(),
            iss: claims.iss.clone(),
            exp: claims.exp,
            iat: Some(claims.iat.seconds() as i64),
            jti: claims.jti,
            auth_time: claims.auth_time.map(|time| time.seconds() as i64),
            kind: claims.token_type,
            device_id: scope.device_id,
            api_key_id: scope.api_key_id,
            schedule_id: scope.schedule_id,
            pipeline_run_id: scope.pipeline_run_id,
            deployment_id: scope.deployment_id,
            ..Self::default()
        }
    }
}

/// What a principal's token may do, as text.
pub(crate) fn scope_of(principal: &Principal) -> String {
    let permissions = principal.scope().and_then(|scope| scope.permissions.as_ref());
    permissions.map_or_else(|| Permissions::all().to_string(), Permissions::to_string)
}
