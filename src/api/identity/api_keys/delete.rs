//! The end of API keys.

use axum::Json;
use sea_query::{Expr, ExprTrait};

use super::{find, find_account, forget};
use crate::accounts::key_bounds;
use crate::api::identity::service_accounts::require_admin;
use crate::audit::{Action, Origin};
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathIdAndName;
use crate::store::StoreError;

/// Deletes an API key.
pub(crate) async fn delete_api_key(
    cx: Context,
    origin: Origin,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
) -> ApiResult<Json<()>> {
    let account = find_account(&cx.store, account_id).await?;
    require_admin(&cx.principal)?;
    let row = find(&cx.store, &account, &name_or_id).await?;
    let id = row.id;
    let event = cx.audit.event(&origin, Action::ApiKeyDeleted).on("api_key", id, &row.name);
    let event = &event.of_account(&account);
    let deleted = cx.store.write(|mut tx| async move {
        tx.delete_where("zendo_api_key_digest", [Expr::col("api_key_id").eq(id)]).await?;
        key_bounds::forget(&mut tx, Expr::col("api_key_id").eq(id)).await?;
        match tx.delete_where("api_key", [Expr::col("id").eq(id)]).await? {
            0 => tx.commit(()).await,
            _ => event.commit(tx, ()).await,
        }
    });
    let () = deleted.await.map_err(|error: StoreError| ApiError::from(error))?;
    forget(&cx.auth, id).await;
    Ok(Json(()))
}
