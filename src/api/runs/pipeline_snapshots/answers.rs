//! What a page of snapshots needs from other tables.

use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement, SimpleExpr};
use serde::Serialize;
use sqlx_macros::FromRow;

use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::step_configuration::StoredStep;
use crate::framework::{ById, Loader};
use crate::http::error::ApiResult;
use crate::store::{Id, InIds, JoinById, Word};

/// Whether a snapshot can be run, or deployed, by whoever does that.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Abilities {
    pub runnable: bool,
    pub deployable: bool,
}

/// What each of these snapshots can be used for; those without a build for nothing.
pub(super) async fn abilities(loader: &Loader<'_>, ids: &[Id]) -> ApiResult<ById<Abilities>> {
    if ids.is_empty() {
        return Ok(ById::new());
    }
    let query = Sql::select()
        .column(("pipeline_snapshot", "id"))
        .column(("pipeline_build", "is_local"))
        .column(("pipeline_build", "stack_id"))
        .expr_as(Expr::exists(deployer()), "has_deployer")
        .from("pipeline_snapshot")
        .join_by_id("pipeline_build", ("pipeline_snapshot", "build_id"))
        .and_where(Expr::col(("pipeline_snapshot", "id")).in_ids(ids.iter().copied()))
        .to_owned();
    let rows: Vec<(Id, bool, Option<Id>, bool)> = loader.store.fetch_all(&query).await?;
    let able = |(id, is_local, stack, has_deployer): (Id, bool, Option<Id>, bool)| {
        (id, Abilities { runnable: !is_local && stack.is_some(), deployable: has_deployer })
    };
    Ok(rows.into_iter().map(able).collect())
}

/// The deployer of the stack of the snapshot that the query around this one is about.
pub(super) fn deployer() -> SelectStatement {
    Sql::select()
        .column(("stack_component", "id"))
        .from("stack_composition")
        .join_by_id("stack_component", ("stack_composition", "component_id"))
        .and_where(Expr::col(("stack_component", "type")).eq("deployer"))
        .and_where(Expr::col(("stack_composition", "stack_id")).equals(("pipeline_snapshot", "stack_id")))
        .to_owned()
}

/// The newest run that was started from a snapshot.
#[derive(Debug, FromRow)]
pub(super) struct LatestRun {
    pub source_id: Id,
    pub id: Id,
    pub status: Word<ExecutionStatus>,
    pub user_id: Option<Id>,
}

pub(super) async fn latest_runs(loader: &Loader<'_>, ids: &[Id]) -> ApiResult<ById<LatestRun>> {
    if ids.is_empty() {
        return Ok(ById::new());
    }
    let newest = Sql::select()
        .column(("newest", "id"))
        .from_as("pipeline_run", "newest")
        .join_as(
            sea_query::JoinType::InnerJoin,
            "pipeline_snapshot",
            "made",
            Expr::col(("made", "id")).equals(("newest", "snapshot_id")),
        )
        .and_where(Expr::col(("made", "source_snapshot_id")).equals(("pipeline_snapshot", "id")))
        .order_by(("newest", "created"), Order::Desc)
        .limit(1)
        .to_owned();
    let query = Sql::select()
        .expr_as(Expr::col(("pipeline_snapshot", "id")), "source_id")
        .columns(["id", "status", "user_id"].map(|column| ("pipeline_run", column)))
        .from("pipeline_snapshot")
        .inner_join("pipeline_run", Expr::col(("pipeline_run", "id")).eq(SimpleExpr::from(newest)))
        .and_where(Expr::col(("pipeline_snapshot", "id")).in_ids(ids.iter().copied()))
        .to_owned();
    let runs: Vec<LatestRun> = loader.store.fetch_all(&query).await?;
    Ok(runs.into_iter().map(|run| (run.source_id, run)).collect())
}

/// The steps of each of these snapshots, in their order.
pub(crate) async fn step_configurations(
    loader: &Loader<'_>,
    ids: Vec<Id>,
) -> ApiResult<ById<Vec<(String, StoredStep)>>> {
    let mut by_snapshot: ById<Vec<(String, StoredStep)>> = ById::new();
    if ids.is_empty() {
        return Ok(by_snapshot);
    }
    let query = Sql::select()
        .columns(["snapshot_id", "name", "config"])
        .from("step_configuration")
        .and_where(Expr::col("snapshot_id").in_ids(ids))
        .order_by("index", Order::Asc)
        .to_owned();
    for (snapshot, name, config) in loader.store.fetch_all::<(Id, String, String)>(&query).await? {
        match serde_json::from_str(&config) {
            Ok(step) => by_snapshot.entry(snapshot).or_default().push((name, step)),
            Err(error) => tracing::warn!(%error, %snapshot, name, "a step's configuration can't be read"),
        }
    }
    Ok(by_snapshot)
}
