//! The end of snapshots that nothing refers to.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::{Deserialize, Serialize};

use super::SnapshotRow;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::timestamps::SentTimestamp;
use crate::store::Id;

/// Snapshots that no schedule, run, step, deployment, template, trigger or other snapshot refers to.
pub(super) fn unreferenced() -> SelectStatement {
    let mut select = Sql::select();
    select.column("id").from("pipeline_snapshot");
    for (table, column) in [
        ("pipeline_run", "snapshot_id"),
        ("step_run", "snapshot_id"),
        ("deployment", "snapshot_id"),
        ("run_template", "source_snapshot_id"),
        ("trigger_snapshot", "snapshot_id"),
    ] {
        let referring = Sql::select()
            .column((table, column))
            .from(table)
            .and_where(Expr::col((table, column)).equals(("pipeline_snapshot", "id")))
            .to_owned();
        select.and_where(Expr::exists(referring).not());
    }
    select.and_where(Expr::col("schedule_id").is_null()).and_where(Expr::col("template_id").is_null());
    let derived = Sql::select()
        .column(("made", "id"))
        .from_as("pipeline_snapshot", "made")
        .and_where(Expr::col(("made", "source_snapshot_id")).equals(("pipeline_snapshot", "id")))
        .to_owned();
    select.and_where(Expr::exists(derived).not());
    select
}

#[derive(Debug, Deserialize)]
pub(super) struct PruneRequest {
    project: Id,
    older_than: SentTimestamp,
    #[serde(default)]
    apply: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct PruneResponse {
    snapshot_count: usize,
    /// What is asked for is done when it is answered.
    task_id: Option<()>,
}

/// Counts, or deletes, snapshots without a name that nothing refers to.
pub(super) async fn prune_snapshots(
    cx: Context,
    JsonBody(request): JsonBody<PruneRequest>,
) -> ApiResult<Json<PruneResponse>> {
    let mut unused = unreferenced();
    unused
        .and_where(Expr::col("project_id").eq(request.project))
        .and_where(Expr::col("name").is_null())
        .and_where(Expr::col("created").lt(request.older_than.0));
    let mut ids: Vec<(Id,)> = cx.store.fetch_all(&unused).await?;
    if !request.apply {
        return Ok(Json(PruneResponse { snapshot_count: ids.len(), task_id: None }));
    }
    let mut count = 0;
    // What nothing but a deleted snapshot referred to goes too.
    while !ids.is_empty() {
        let before = count;
        for (id,) in ids {
            count += usize::from(delete_unused(&cx, id).await?);
        }
        if count == before {
            break;
        }
        ids = cx.store.fetch_all(&unused).await?;
    }
    Ok(Json(PruneResponse { snapshot_count: count, task_id: None }))
}

/// In a small transaction: other writers get their turn, and what was referred to meanwhile stays.
async fn delete_unused(cx: &Context, id: Id) -> ApiResult<bool> {
    let mut unused = unreferenced();
    unused.and_where(Expr::col("id").eq(id));
    let unused = &unused;
    let deleted = cx.store.write(|mut tx| async move {
        let is_unused = tx.fetch_optional::<(Id,)>(unused).await?.is_some();
        if is_unused {
            <SnapshotRow as crate::framework::Resource>::delete(&mut tx, id).await?;
        }
        Ok::<_, ApiError>(tx.commit(is_unused).await?)
    });
    deleted.await
}
