//! What is asked of whatever executes a run, and its live events. No orchestrator can be reached from here.

use axum::Json;
use axum::http::StatusCode;
use sea_query::{Expr, ExprTrait, Query as Sql};

use super::RunRow;
use super::update::{follow, lock};
use crate::api::runs::execution_status::ExecutionStatus;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::query::QueryParams;

/// Only the run's orchestrator knows more about it than its steps have told.
pub(super) async fn refresh_run(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<()>> {
    query.flag("include_steps");
    query.finish()?;
    let run = cx.find::<RunRow>(id).await?;
    require_stack(&cx, &run).await?;
    let message = "The orchestrator of the run can't be asked how far it is.";
    Err(ApiError::not_implemented(message))
}

/// Marks the run as stopping: its steps learn it when they next say that they live. Its orchestrator isn't told, which
/// the answer says.
pub(super) async fn stop_run(cx: Context, PathId(id): PathId, mut query: QueryParams) -> ApiResult<Json<()>> {
    query.flag("graceful");
    query.finish()?;
    let run = cx.find::<RunRow>(id).await?;
    require_stack(&cx, &run).await?;
    let refused = match run.body.status.known() {
        Some(ExecutionStatus::Completed) => Some("A run that is completed can't be stopped."),
        Some(ExecutionStatus::Stopped) => Some("The run is stopped already."),
        Some(ExecutionStatus::Stopping) => Some("The run is stopping already."),
        _ if run.orchestrator_run_id.is_none() => Some("The run's orchestrator has not begun it yet."),
        _ => None,
    };
    if let Some(message) = refused {
        return Err(ApiError::illegal(message));
    }
    let context = &cx;
    let marked = cx.store.write(|mut tx| async move {
        lock(&mut tx, id).await?;
        let reason = Some("Manual stop requested.");
        let ended = follow(context, &mut tx, id, Some(ExecutionStatus::Stopping), reason).await?;
        Ok::<_, ApiError>(tx.commit(ended).await?)
    });
    marked.await?.note(&cx, id).await?;
    let message = "The run is marked as stopping; its orchestrator can't be told to stop it.";
    Err(ApiError::not_implemented(message))
}

/// 400 for a run whose stack was deleted: nothing is known about its orchestrator any more.
async fn require_stack(cx: &Context, run: &RunRow) -> ApiResult<()> {
    let query = Sql::select()
        .column("stack_id")
        .from("pipeline_snapshot")
        .and_where(Expr::col("id").eq(run.snapshot_id))
        .to_owned();
    let found: Option<(Option<crate::store::Id>,)> = cx.store.fetch_optional(&query).await?;
    match found.and_then(|(stack,)| stack).or(run.stack_id) {
        Some(_) => Ok(()),
        None => Err(ApiError::value("The stack of the run was deleted.")),
    }
}

pub(super) async fn publish_events(_: Context) -> ApiError {
    not_streaming()
}

pub(super) async fn stream_events(_: Context) -> ApiError {
    not_streaming()
}

/// As ZenML's server answers where streaming is off, whatever is asked.
fn not_streaming() -> ApiError {
    ApiError::plain(StatusCode::NOT_IMPLEMENTED, "There is no live stream of events on this server.")
}
