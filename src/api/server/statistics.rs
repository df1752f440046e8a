//! How much there is on this server.

use axum::Json;
use axum::extract::State;
use sea_query::Query;
use serde::Serialize;

use crate::auth::Principal;
use crate::http::error::ApiResult;
use crate::store::{Store, StoreError, number_of_rows};

#[derive(Debug, Serialize)]
pub(crate) struct ServerStatistics {
    stacks: i64,
    components: i64,
    projects: i64,
}

/// The numbers of stacks, components and projects.
pub(crate) async fn get_statistics(
    State(store): State<Store>,
    _: Principal,
) -> ApiResult<Json<ServerStatistics>> {
    let number_of = async |table: &'static str| -> Result<i64, StoreError> {
        let query = Query::select().expr(number_of_rows()).from(table).to_owned();
        Ok(store.fetch_optional::<(i64,)>(&query).await?.map_or(0, |(number,)| number))
    };
    Ok(Json(ServerStatistics {
        stacks: number_of("stack").await?,
        components: number_of("stack_component").await?,
        projects: number_of("project").await?,
    }))
}
