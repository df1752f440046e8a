//! Revocation (RFC 7009): taking a token back.

use axum::Json;
use axum::body::Bytes;
use axum::http::HeaderMap;
use secrecy::ExposeSecret;

use super::{TokenForm, require_right, token_of_form};
use crate::audit::{Action, Origin};
use crate::auth::api_key;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::openapi::shapes::{Null, OAuthError};
use crate::login::principal;
use crate::store::Id;
use crate::tasks;

/// The token is good for nothing from now on, nor is what was made from it. So is one that never was good (section 2.2),
/// and one that isn't yet.
#[utoipa::path(
    post,
    path = super::REVOKE,
    operation_id = "revoke_oauth_token",
    tag = "oauth",
    summary = "Takes a token back (RFC 7009).",
    description = "For admins and the service accounts in ZENDO_INTROSPECTION_ACCOUNTS.",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is refused from now on, or was never good", body = inline(Null)),
        (
            status = 400,
            description = "What was sent is no form with one token, or no token that can be revoked",
            body = OAuthError
        )
    ),
    security(("CookieOAuth2TokenBearer" = []), ("ApiKeyAsPassword" = []))
)]
pub(crate) async fn revoke(
    cx: Context,
    origin: Origin,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Json<()>> {
    require_right(&cx.programs, &cx.principal)?;
    let token = token_of_form(&headers, &body)?;
    // Whoever has asked for it may have gone by the time that the token is read.
    tasks::must_finish();
    if token.expose_secret().starts_with(api_key::PREFIX) {
        // Whoever asks must not think that it is done (section 2.2.1).
        return Err(ApiError::oauth("unsupported_token_type", "An API key is rotated or deleted instead."));
    }
    match principal::recognise(&cx.auth, token.expose_secret()).await {
        Ok(token) => {
            let event = cx.audit.event(&origin, Action::TokenRevoked).on("api_token", Id(token.id), "");
            cx.auth.register.flush().await?;
            cx.auth.revocations.revoke(token.revocation(), &event, cx.env.clock.now()).await?;
        }
        Err(error) if error.is_refusal() => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Json(()))
}
