//! What no route answers (contract: BEHAVIOUR.md, "Unknown GET under /api: 404; other methods: 405").

use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::dashboard;
use crate::app::AppState;
use crate::http::error::ApiError;

const API: &str = "/api/";

/// No route has this path; outside of the API it is the dashboard's, where there is one.
pub(crate) async fn not_found(State(app): State<AppState>, request: Request) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return match &app.config.dashboard_files_path {
            Some(folder) if !request.uri().path().starts_with(API) => {
                match dashboard::sign_in_first(&app, request.uri(), request.headers(), request.extensions())
                    .await
                {
                    Some(elsewhere) => elsewhere.into_response(),
                    None => dashboard::answer(folder, request).await,
                }
            }
            _ => ApiError::plain(StatusCode::NOT_FOUND, "Not Found").into_response(),
        };
    }
    let error = ApiError::plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    let mut response = error.into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

/// A route has this path, but for other methods. The reference has a GET for every path, so an unknown GET is
/// not found rather than not allowed.
pub(crate) async fn method_not_allowed(method: Method) -> Response {
    if method == Method::GET {
        return ApiError::plain(StatusCode::NOT_FOUND, "Not Found").into_response();
    }
    ApiError::plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed").into_response()
}
