//! Whether the process lives, and whether it can work.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::any;

use crate::app::AppState;
use crate::http::routes::Operation;

pub const OPERATIONS: [Operation; 2] = [("GET", "/health"), ("GET", "/ready")];

/// Both answer any method, and stand outside the layers: a check must not fail for a limit or a header.
pub fn router() -> Router<AppState> {
    Router::new().route("/health", any(health)).route("/ready", any(ready))
}

/// The process lives.
async fn health() -> &'static str {
    "ok"
}

/// The store answers too.
async fn ready(State(app): State<AppState>) -> (StatusCode, &'static str) {
    match app.store.check().await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
        }
    }
}
