//! A step says that it lives.

use axum::Json;
use chrono::SecondsFormat;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::{Deserialize, Serialize};

use super::StepRow;
use crate::api::runs::execution_status::ExecutionStatus;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::OptionalJsonBody;
use crate::http::path::PathId;
use crate::store::{Id, Update, Word};

#[derive(Debug, Deserialize)]
pub(super) struct HeartbeatRequest {
    /// Of resources that steps share, which this server doesn't hand out.
    heartbeat_liveness_timeout_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Heartbeat {
    id: Id,
    status: Word<ExecutionStatus>,
    /// The one time of the API that says it is UTC.
    latest_heartbeat: String,
    pipeline_run_status: Option<Word<ExecutionStatus>>,
    heartbeat_enabled: bool,
}

/// The step lives. The answer tells it whether its run still wants it to.
pub(super) async fn note_heartbeat(
    cx: Context,
    PathId(id): PathId,
    OptionalJsonBody(request): OptionalJsonBody<HeartbeatRequest>,
) -> ApiResult<Json<Heartbeat>> {
    if request.and_then(|request| request.heartbeat_liveness_timeout_seconds) == Some(0) {
        let message = "heartbeat_liveness_timeout_seconds: Input should be greater than 0";
        return Err(ApiError::invalid_request(message));
    }
    let step = cx.find::<StepRow>(id).await?;
    if step.body.status.known().is_some_and(ExecutionStatus::is_finished) {
        let message = "A step that has ended has no heartbeat.";
        return Err(ApiError::illegal(message));
    }
    refuse_other_tokens(&cx, &step).await?;
    let now = cx.now();
    let noted = cx.store.write_sharing(|mut tx| async move {
        Update::unnoted("step_run", id).set("latest_heartbeat", now).run(&mut tx).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    noted.await?;
    let query = Sql::select()
        .column("status")
        .from("pipeline_run")
        .and_where(Expr::col("id").eq(step.metadata.pipeline_run_id))
        .to_owned();
    let run: Option<(Word<ExecutionStatus>,)> = cx.store.fetch_optional(&query).await?;
    Ok(Json(Heartbeat {
        id,
        status: step.body.status,
        latest_heartbeat: now.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true),
        pipeline_run_status: run.map(|(status,)| status),
        heartbeat_enabled: step.body.heartbeat_threshold.is_some(),
    }))
}

/// 401 for a token of another run or schedule than the step's.
async fn refuse_other_tokens(cx: &Context, step: &StepRow) -> ApiResult<()> {
    let Ok(token) = cx.principal.token() else { return Ok(()) };
    let scope = &token.claims.scope;
    let is_own = match (scope.pipeline_run_id, scope.schedule_id) {
        (Some(run), _) => step.metadata.pipeline_run_id == Id(run),
        (None, Some(schedule)) => schedule_of(cx, step).await? == Some(Id(schedule)),
        (None, None) => true,
    };
    if is_own {
        return Ok(());
    }
    let message = format!("The token is not one for the step {}.", step.id);
    Err(ApiError::authorization(message))
}

async fn schedule_of(cx: &Context, step: &StepRow) -> ApiResult<Option<Id>> {
    let query = Sql::select()
        .column("schedule_id")
        .from("pipeline_snapshot")
        .and_where(Expr::col("id").eq(step.metadata.snapshot_id))
        .to_owned();
    Ok(cx.store.fetch_optional::<(Option<Id>,)>(&query).await?.and_then(|(schedule,)| schedule))
}
