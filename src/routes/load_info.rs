//! How busy this server is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth::Principal;
use crate::http::openapi::ErrorModel;

#[derive(Debug, Serialize, ToSchema)]
pub struct ServerLoadInfo {
    threads: usize,
    db_connections_total: u32,
    db_connections_active: u32,
    db_connections_overflow: u32,
}

/// Threads that answer requests, and connections to the database; SQLite has none.
#[utoipa::path(
    get,
    path = "/api/v1/load-info",
    operation_id = "server_load_info_api_v1_load_info_get",
    tag = "server",
    security(("CookieOAuth2TokenBearer" = [])),
    responses((status = 200, body = ServerLoadInfo), (status = 401, body = ErrorModel))
)]
pub async fn get_load_info(State(app): State<AppState>, _: Principal) -> Json<ServerLoadInfo> {
    let connections = app.store.connections();
    Json(ServerLoadInfo {
        threads: tokio::runtime::Handle::current().metrics().num_workers(),
        db_connections_total: connections.total,
        db_connections_active: connections.active,
        db_connections_overflow: connections.overflow,
    })
}
