//! Bounds on what one request may take: time, and the kinds of body.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// Answers with 429 when the time is up; the request's own work is dropped.
pub async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::busy().into_response(),
    }
}

/// No route takes files.
pub async fn refuse_file_uploads(request: Request, next: Next) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_upload = content_type.is_some_and(|text| text.contains("multipart/form-data"));
    if is_upload && request.method() == Method::POST {
        let message = "File uploads are not allowed on this endpoint.";
        return ApiError::plain(StatusCode::FORBIDDEN, message).into_response();
    }
    next.run(request).await
}
