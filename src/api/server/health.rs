//! Whether the process lives, and whether it can work.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::any;
use tokio::time::timeout;

use crate::app::{AuthStore, Server};
use crate::auth::kind::Kind;
use crate::framework::{RouteTable, Routes};
use crate::store::passing;

/// Whoever asks if this is ready doesn't wait long for the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Both answer any method, and stand outside the layers: a check must not fail for a limit or a header.
pub(crate) fn routes() -> RouteTable {
    let of = |name| Routes::of(Kind::new(name));
    [
        of("health").add("GET", "/health", any(health)).open(),
        of("ready").add("GET", "/ready", any(ready)).open(),
    ]
    .into_iter()
    .collect()
}

/// The process lives.
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    summary = "Whether the process lives.",
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn health() -> &'static str {
    "ok"
}

/// The store answers too, and can be written. What begins with `ok` is ready; a wrong clock is told on a line of its own.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "health",
    summary = "Whether it can work.",
    responses(
        (
            status = 200,
            description = "It can: `ok`, and what isn't quite right on a second line.",
            body = String,
            content_type = "text/plain"
        ),
        (status = 503, description = "It can't, and why.", body = String, content_type = "text/plain")
    )
)]
pub(crate) async fn ready(
    State(server): State<Arc<Server>>,
    State(AuthStore(store)): State<AuthStore>,
) -> (StatusCode, Cow<'static, str>) {
    let checked = async {
        store.check().await?;
        store.ensure_writable().await
    };
    let reason = match timeout(PATIENCE, checked).await {
        Ok(Ok(())) => {
            return match server.wrong_clock() {
                None => (StatusCode::OK, "ok".into()),
                Some(difference) => (StatusCode::OK, format!("ok\n{difference}\n").into()),
            };
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "the store can't be used");
            passing(&error).unwrap_or("it does not answer")
        }
        Err(_) => "it does not answer in time",
    };
    let text = format!("not ready: the database can't be used: {reason}\n");
    (StatusCode::SERVICE_UNAVAILABLE, text.into())
}
