//! The provider says that somebody's session there is over (OpenID Connect Back-Channel Logout 1.0).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::ending::end_each;
use super::flow::providers_of;
use super::sign_in_rows::{self, Whose};
use crate::accounts::identities;
use crate::app::{App, AppState};
use crate::audit::{Action, Claim, Origin};
use crate::auth::oidc::OidcError;
use crate::auth::oidc::logout_token::LoggedOut;
use crate::http::error::{ApiError, ApiResult};
use crate::http::form;
use crate::http::openapi::shapes::OAuthError;
use crate::store::StoreError;
use crate::tasks;

/// What the provider sends.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) struct LogoutRequest {
    logout_token: String,
}

/// Ends the sign-ins that the provider's logout token is of, with all that was made from them.
#[utoipa::path(
    post,
    path = "/api/v1/oidc/backchannel_logout",
    request_body(content = LogoutRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "They have ended."), (status = 400, body = OAuthError))
)]
pub(crate) async fn log_out(
    State(app): State<AppState>,
    origin: Origin,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    let oidc = providers_of(&app)?;
    let token = form::fields(&headers, &body).find(|(name, _)| name == "logout_token");
    let (_, token) =
        token.ok_or_else(|| ApiError::oauth("invalid_request", "The form has no logout_token."))?;
    let now = app.env.clock.now();
    let origin = origin_of_provider(origin);
    // One that is noted as used ends something.
    tasks::must_finish();
    let logged_out = match oidc.read_logout_token(&token, now).await {
        Ok(logged_out) => logged_out,
        Err(OidcError::Refused(reason)) => {
            let event = app.audit.event(&origin, Action::SignInEnded).refused(reason.clone());
            app.audit.refused(event, None).await;
            return Err(ApiError::oauth("invalid_request", reason));
        }
        Err(error) => return Err(error.into()),
    };
    end(&app, &origin, &logged_out).await.inspect_err(|_| oidc.forget_logout(&logged_out))?;
    Ok((StatusCode::OK, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
}

fn origin_of_provider(origin: Origin) -> Origin {
    let actor = crate::audit::Actor::Claimed(Box::new(Claim::of("oidc")));
    Origin { actor, ..origin }
}

async fn end(app: &App, origin: &Origin, of: &LoggedOut) -> Result<u64, StoreError> {
    const REASON: &str = "the provider has logged them out";
    let issuer = of.issuer.as_str();
    let session = of.session.as_ref().map(|session| sign_in_rows::session_digest(issuer, session));
    let person = of.subject.as_ref().map(|subject| identities::digest(issuer, subject));
    // A session says more than a subject: one who has logged out there in one browser is still here with another. What may
    // be of it ends, too.
    let (session, person) = match (session, person) {
        (Some(session), person) => (Some(Whose::Session(session)), person.map(Whose::OfNoSession)),
        (None, person) => (None, person.map(Whose::Person)),
    };
    let mut count = 0;
    for whose in [session, person].into_iter().flatten() {
        count += end_each(app, origin, REASON, whose).await?;
    }
    Ok(count)
}
