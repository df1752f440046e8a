//! Whose a log is.

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Deserialize;

use super::LogsRow;
use super::create::refuse_both;
use crate::api::runs::pipeline_runs::RunRow;
use crate::api::runs::steps::StepRow;
use crate::framework::{Answer, Context, find_in, require};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::store::{Id, Transaction};

#[derive(Debug, Deserialize)]
pub(super) struct LogsUpdate {
    pipeline_run_id: Option<Id>,
    step_run_id: Option<Id>,
}

/// Says which run or step a log is of. It is said once.
pub(super) async fn update_logs(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<LogsUpdate>,
) -> Answer<LogsRow> {
    refuse_both(update.pipeline_run_id, update.step_run_id)?;
    cx.change::<LogsRow, _, _>(id, |mut tx| async move {
        assign(&mut tx, id, update.pipeline_run_id, update.step_run_id).await?;
        Ok(tx)
    })
    .await
}

/// Makes a log a run's or a step's.
///
/// # Errors
/// 403 for a log that is another's; 404 for what isn't there; the store's own.
pub(crate) async fn assign(
    tx: &mut Transaction,
    id: Id,
    pipeline_run: Option<Id>,
    step_run: Option<Id>,
) -> ApiResult<()> {
    let logs = find_in::<LogsRow>(tx, id).await?;
    let (project, of) = (logs.body.project_id, logs.metadata);
    require::<RunRow>(tx, pipeline_run, project).await?;
    require::<StepRow>(tx, step_run, project).await?;
    let is_owned = of.pipeline_run_id.or(of.step_run_id).is_some();
    if is_owned && (of.pipeline_run_id != pipeline_run || of.step_run_id != step_run) {
        let message = "The logs are of another run or step.";
        return Err(ApiError::illegal(message));
    }
    if pipeline_run.or(step_run).is_none() {
        return Ok(());
    }
    let assign = Sql::update()
        .table("logs")
        .values([("pipeline_run_id", pipeline_run.into()), ("step_run_id", step_run.into())])
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    tx.execute(&assign).await?;
    Ok(())
}
