//! What no route answers (contract: BEHAVIOUR.md, "Unknown GET under /api: 404; other methods: 405").

use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::http::error::ApiError;

/// No route has this path.
pub async fn not_found(method: Method) -> Response {
    if method == Method::GET || method == Method::HEAD {
        return ApiError::plain(StatusCode::NOT_FOUND, "Not Found").into_response();
    }
    let error = ApiError::plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    let mut response = error.into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

/// A route has this path, but for other methods. The reference has a GET for every path, so an unknown GET is
/// not found rather than not allowed.
pub async fn method_not_allowed(method: Method) -> Response {
    if method == Method::GET {
        return ApiError::plain(StatusCode::NOT_FOUND, "Not Found").into_response();
    }
    ApiError::plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed").into_response()
}
