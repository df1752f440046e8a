//! How much there is on this server.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::auth::Principal;
use crate::http::error::ApiResult;
use crate::store::Store;

#[derive(Debug, Serialize)]
pub(crate) struct ServerStatistics {
    stacks: u64,
    components: u64,
    projects: u64,
}

/// The numbers of stacks, components and projects.
pub(crate) async fn get_statistics(
    State(store): State<Store>,
    _: Principal,
) -> ApiResult<Json<ServerStatistics>> {
    Ok(Json(ServerStatistics {
        stacks: store.count_rows("stack").await?,
        components: store.count_rows("stack_component").await?,
        projects: store.count_rows("project").await?,
    }))
}
