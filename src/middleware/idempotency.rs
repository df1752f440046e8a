//! The layer of [`crate::idempotency`].

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::project_guard;
use crate::app::AppState;
use crate::auth::{AuthenticationError, Principal};
use crate::http::error::ApiError;
use crate::idempotency::{Attempt, HEADER, REPLAYED_PUTS, Replayed, TELLS_A_SECRET, json};
use crate::store::Id;

/// Gives a repeated request its first answer; any other request passes.
pub async fn replay(app: &AppState, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(HEADER).filter(|key| !key.is_empty()) else {
        return next.run(request).await;
    };
    let Some(key) = key.to_str().ok().and_then(|key| Uuid::try_parse(key).ok()) else {
        let message = "The header Idempotency-Key has to be a UUID.";
        return ApiError::unprocessable(message).into_response();
    };
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let is_replayed = match *request.method() {
        Method::POST => true,
        Method::PUT => REPLAYED_PUTS.iter().any(|put| path.ends_with(put)),
        _ => false,
    };
    let principal = request.extensions().get::<Principal>().filter(|_| is_replayed);
    let Some(principal) = principal.filter(|_| app.config.request_deduplication.0) else {
        return next.run(request).await;
    };
    let principal = principal.clone();
    let attempt = Attempt {
        key: Id(key),
        user: principal.user.id,
        method: request.method().clone(),
        url: request.uri().to_string(),
    };
    let is_written = !TELLS_A_SECRET.iter().any(|secret| path.ends_with(secret));
    let replayed =
        Box::pin(app.replays.answer(attempt, is_written, app.env.clock.now(), request, next)).await;
    let body = match replayed {
        Replayed::Anew(response) => return response,
        Replayed::First(body) => body,
    };
    // What the first request was allowed to see was asked of its token, and not of this one.
    match project_guard::may_see(&app.store, &principal, &body).await {
        Ok(true) => json(body),
        Ok(false) => AuthenticationError::OtherProject.into_response(),
        Err(error) => ApiError::from(error).into_response(),
    }
}
