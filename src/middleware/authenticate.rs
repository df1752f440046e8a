//! The one layer that turns a cookie or bearer into a [`Principal`]. Every route behind it is closed without one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::hidden::Hidden;
use super::{bodies, project_guard};
use crate::app::AppState;
use crate::audit::{Action, Claim, Origin};
use crate::auth::access::{Access, Also, When};
use crate::auth::policy::{Policies, access_of};
use crate::auth::{AuthenticationError, Principal, Scope, api_key};
use crate::http::budgets::{Holder, Share};
use crate::http::query::QueryParams;
use crate::login::grants;
use crate::login::origin::claim_of_token;
use crate::login::principal::{credential, principal_for_page, verify};
use crate::tasks;

/// Who is let through to some routes, by what these say of themselves.
#[derive(Clone)]
pub(crate) struct Guard {
    pub app: AppState,
    pub policies: Arc<Policies>,
}

/// Authenticates the request and hands its [`Principal`] on.
pub(crate) async fn authenticate(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match admit(&guard, request).await {
        Ok(Admitted { request, hidden, .. }) => hidden.leave_out_of(next.run(request).await).await,
        Err(refusal) => refusal,
    }
}

/// A request whose caller is known.
pub(crate) struct Admitted {
    pub request: Request,
    pub caller: Holder,
    /// Room for its body, to be held until it is answered.
    pub room: Option<Share>,
    /// What is to be left out of its answer.
    pub hidden: Hidden,
}

/// The request with its [`Principal`], or the answer to one that has none. No body is read before that.
///
/// # Errors
/// 401 for nobody that is known here; 403 for a token that was narrowed too far; 413 for a body that is too long.
pub(crate) async fn admit(guard: &Guard, request: Request) -> Result<Admitted, Response> {
    let app = &guard.app;
    let now = app.env.clock.now();
    let principal = match principal_for_page(app, request.headers(), request.extensions(), now).await {
        Ok(principal) => principal,
        Err(error) => {
            if error.is_recorded() {
                Box::pin(record_refusal(app, request.headers(), request.extensions(), &error)).await;
            }
            return Err(error.into_response());
        }
    };
    app.server.activity.note(now);
    let caller = Holder::Account(principal.user.id);
    let (mut request, room) = match bodies::is_small(&app.config, &request) {
        true => (request, None),
        false => Box::pin(bodies::make_room(app, caller, request)).await?,
    };
    let mut hidden = Hidden::default();
    if let Some(scope) = principal.scope().filter(|scope| scope.is_limited()) {
        (request, hidden) = Box::pin(within_scope(guard, &principal, scope, request)).await?;
    }
    request.extensions_mut().insert(principal);
    Ok(Admitted { request, caller, room, hidden })
}

/// Leaves a record of a credential that was refused.
pub(crate) async fn record_refusal(
    app: &AppState,
    headers: &HeaderMap,
    extensions: &Extensions,
    error: &AuthenticationError,
) {
    tasks::must_finish();
    let origin = Origin::of(app, headers, extensions);
    let claim = match credential(app, headers) {
        Some(key) if key.starts_with(api_key::PREFIX) => grants::api_key::claim(app, &key).await,
        // One that is refused here has a good signature.
        Some(token) => match verify(app, &token, app.env.clock.now()).await {
            Ok(token) => claim_of_token(app, &token).await,
            Err(_) => Claim::of("token"),
        },
        None => Claim::of("none"),
    };
    let event = app.audit.event(&origin, Action::SignInRefused).by(claim).refused(error.to_string());
    app.audit.refused(event, None).await;
}

/// Hands the request on if its narrowed token is wide enough for the route, and for what it may do besides.
async fn within_scope(
    guard: &Guard,
    principal: &Principal,
    scope: &Scope,
    mut request: Request,
) -> Result<(Request, Hidden), Response> {
    let app = &guard.app;
    let policy = guard.policies.of(request.method(), request.extensions());
    let access = access_of(policy.as_deref());
    access.check(scope).map_err(IntoResponse::into_response)?;
    let mut hidden = Hidden::default();
    if let Some(policy) = policy.filter(|policy| !policy.also.is_empty()) {
        check_flags(&policy.also, scope, &request).map_err(IntoResponse::into_response)?;
        hidden = Hidden::from(&policy.also, scope);
        request.extensions_mut().insert(policy);
    }
    let request = project_guard::check(app, principal, access, request).await?;
    Ok((request, hidden))
}

/// # Errors
/// 403 when the query asks for something that the scope lacks.
fn check_flags(also: &[Also], scope: &Scope, request: &Request) -> Result<(), AuthenticationError> {
    for also in also {
        let When::Flag(name, asked) = also.when else { continue };
        let mut query = QueryParams::new("", "", request.uri().query().unwrap_or_default());
        if query.flag(name) == Some(asked) {
            Access::Needs(also.needs).check(scope)?;
        }
    }
    Ok(())
}
