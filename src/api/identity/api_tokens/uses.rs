//! From which networks tokens were used.

use std::collections::HashMap;

use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::Serialize;
use sqlx_macros::FromRow;
use utoipa::ToSchema;

use crate::framework::grouped;
use crate::http::error::ApiResult;
use crate::store::{Id, Store, Timestamp};
use crate::warnings::USED_NETWORKS;

/// A network that a token was used from. Uses are noted within seconds, and of one network every ten minutes.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
pub(crate) struct UsedNetwork {
    #[serde(skip)]
    #[schema(ignore)]
    token_id: Id,
    network: String,
    #[schema(value_type = String, format = DateTime)]
    first_used: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used: Timestamp,
}

/// Those of each token, the last used first.
pub(super) async fn networks_of(store: &Store, ids: &[Id]) -> ApiResult<HashMap<Id, Vec<UsedNetwork>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = Sql::select()
        .columns(["token_id", "network", "first_used", "last_used"])
        .from(USED_NETWORKS)
        .and_where(Expr::col("token_id").is_in(ids.iter().copied()))
        .order_by("last_used", Order::Desc)
        .to_owned();
    let rows: Vec<UsedNetwork> = store.fetch_all(&query).await?;
    Ok(grouped(rows.into_iter().map(|row| (row.token_id, row))))
}
