//! The layer of [`crate::idempotency`].

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use uuid::Uuid;

use super::authenticate::Guard;
use super::project_guard;
use crate::auth::{AuthenticationError, Principal};
use crate::http::error::ApiError;
use crate::http::json::written_json;
use crate::idempotency::{Attempt, HEADER, Replayed, answer_of};
use crate::store::Id;

/// Gives a repeated request its first answer; any other request passes.
pub(crate) async fn replay(guard: &Guard, request: Request, mut route: Route) -> Response {
    let app = &guard.app;
    let Some(key) = request.headers().get(HEADER).filter(|key| !key.is_empty()) else {
        return answer_of(&mut route, request).await;
    };
    let Some(key) = key.to_str().ok().and_then(|key| Uuid::try_parse(key).ok()) else {
        let message = "The header Idempotency-Key has to be a UUID.";
        return ApiError::unprocessable(message).into_response();
    };
    let policy = guard.policies.of(request.method(), request.extensions());
    let policy = policy.filter(|policy| policy.is_replayed && app.config.request_deduplication.0);
    let (Some(policy), Some(principal)) = (policy, request.extensions().get::<Principal>().cloned()) else {
        return answer_of(&mut route, request).await;
    };
    let attempt = Attempt {
        key: Id(key),
        user: principal.user.id,
        method: request.method().clone(),
        url: request.uri().to_string(),
    };
    let is_written = !policy.is_secret;
    let replayed =
        Box::pin(app.replays.answer(attempt, is_written, app.env.clock.now(), request, route)).await;
    let body = match replayed {
        Replayed::Anew(response) => return response,
        Replayed::First(body) => body,
    };
    // What the first request was allowed to see was asked of its token, and not of this one.
    match project_guard::may_see(&app.store, &principal, &body).await {
        Ok(true) => written_json(body),
        Ok(false) => AuthenticationError::OtherProject.into_response(),
        Err(error) => ApiError::from(error).into_response(),
    }
}
