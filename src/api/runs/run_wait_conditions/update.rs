//! Whoever waits says that it still does, or goes away.

use axum::Json;
use serde::Deserialize;

use super::WaitConditionRow;
use super::create::{ConditionStatus, Resolution};
use super::resolve::{WAITS, WAITS_TO_BE_RESUMED};
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::pipeline_runs::{RunRow, follow, lock};
use crate::framework::{Context, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::timestamps::SentTimestamp;
use crate::http::values::ShortText;
use crate::store::{Id, Transaction, Update, Word, fields};

/// What a poller does with its lease (contract schema RunWaitConditionLeaseMode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LeaseMode {
    Refresh,
    /// It stops polling, and goes on by itself if the condition was resolved meanwhile.
    Finalize,
    /// It stops polling and can't go on.
    Abandon,
}

#[derive(Debug, Deserialize)]
pub(super) struct LeaseUpdate {
    poller_instance_id: ShortText,
    poller_lease_expires_at: SentTimestamp,
    mode: Option<LeaseMode>,
}

/// Notes that the run still looks whether its condition is resolved, or doesn't any more. Answers with the condition's
/// status.
pub(super) async fn update_lease(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<LeaseUpdate>,
) -> ApiResult<Json<Word<ConditionStatus>>> {
    let run = cx.find::<WaitConditionRow>(id).await?.run_id;
    let (context, update) = (&cx, &update);
    let status = cx.store.write(|mut tx| async move {
        lock(&mut tx, run).await?;
        let condition = find_in::<WaitConditionRow>(&mut tx, id).await?;
        match update.mode.unwrap_or(LeaseMode::Refresh) {
            LeaseMode::Refresh => refresh(context, &mut tx, &condition, update).await?,
            mode => release(context, &mut tx, &condition, mode).await?,
        }
        Ok::<_, ApiError>(tx.commit(condition.body.status).await?)
    });
    status.await.map(Json)
}

pub(super) async fn refresh(
    cx: &Context,
    tx: &mut Transaction,
    condition: &WaitConditionRow,
    update: &LeaseUpdate,
) -> ApiResult<()> {
    if condition.body.status != ConditionStatus::Pending {
        return Ok(());
    }
    Update::of("run_wait_condition", condition.id, cx.now())
        .set("last_polled_at", cx.now())
        .set_all(fields!(update; poller_instance_id, poller_lease_expires_at))
        .run(tx)
        .await?;
    Ok(())
}

pub(super) async fn release(
    cx: &Context,
    tx: &mut Transaction,
    condition: &WaitConditionRow,
    mode: LeaseMode,
) -> ApiResult<()> {
    Update::of("run_wait_condition", condition.id, cx.now())
        .set("last_polled_at", cx.now())
        .set("poller_instance_id", Option::<String>::None)
        .set("poller_lease_expires_at", cx.now())
        .run(tx)
        .await?;
    if condition.body.status == ConditionStatus::Pending {
        return follow(cx, tx, condition.run_id, Some(ExecutionStatus::Paused), Some(WAITS)).await.map(drop);
    }
    let goes_on = condition.metadata.resolution.as_ref().is_some_and(|it| *it == Resolution::Continue);
    if mode == LeaseMode::Abandon && goes_on {
        let _ = follow(cx, tx, condition.run_id, Some(ExecutionStatus::Paused), None).await?;
        wait_to_be_resumed(cx, tx, condition.run_id).await?;
    }
    Ok(())
}

/// No server starts a run again by itself: that takes something that runs pipelines for it.
pub(super) async fn wait_to_be_resumed(cx: &Context, tx: &mut Transaction, run: Id) -> ApiResult<()> {
    let root = find_in::<RunRow>(tx, run).await?.body.root_run_id.unwrap_or(run);
    follow(cx, tx, root, Some(ExecutionStatus::Paused), Some(WAITS_TO_BE_RESUMED)).await.map(drop)
}
