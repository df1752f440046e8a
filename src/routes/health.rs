//! Whether the process lives, and whether it can work.

use std::borrow::Cow;

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

/// The store answers too. What begins with `ok` is ready; a wrong clock is told on a line of its own.
async fn ready(State(app): State<AppState>) -> (StatusCode, Cow<'static, str>) {
    match app.store.check().await {
        Ok(()) => match app.wrong_clock() {
            None => (StatusCode::OK, "ok".into()),
            Some(difference) => (StatusCode::OK, format!("ok\n{difference}\n").into()),
        },
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer".into())
        }
    }
}
