//! Whether the process lives, and whether it can work.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::any;
use utoipa::OpenApi as _;

use crate::app::AppState;

#[derive(utoipa::OpenApi)]
#[openapi(paths(health, ready))]
struct HealthDoc;

/// Both answer any method, and stand outside the layers: a check must not fail for a limit or a header.
pub fn router() -> Router<AppState> {
    Router::new().route("/health", any(health)).route("/ready", any(ready))
}

pub fn document() -> utoipa::openapi::OpenApi {
    HealthDoc::openapi()
}

/// The process lives.
#[utoipa::path(get, path = "/health", operation_id = "health_health_get", security(()),
    responses((status = 200, body = String)))]
async fn health() -> &'static str {
    "ok"
}

/// The store answers too.
#[utoipa::path(get, path = "/ready", operation_id = "ready_ready_get", security(()),
    responses((status = 200, body = String), (status = 503, description = "The store does not answer")))]
async fn ready(State(app): State<AppState>) -> (StatusCode, &'static str) {
    match app.store.check().await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
        }
    }
}
