//! How busy this server is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::auth::Principal;
use crate::store::Store;

#[derive(Debug, Serialize)]
pub(crate) struct ServerLoadInfo {
    threads: usize,
    db_connections_total: u32,
    db_connections_active: u32,
    db_connections_overflow: u32,
}

/// Threads that answer requests, and connections to the database; SQLite has none.
pub(crate) async fn get_load_info(State(store): State<Store>, _: Principal) -> Json<ServerLoadInfo> {
    let connections = store.connections();
    Json(ServerLoadInfo {
        threads: tokio::runtime::Handle::current().metrics().num_workers(),
        db_connections_total: connections.total,
        db_connections_active: connections.active,
        db_connections_overflow: connections.overflow,
    })
}
