//! Whose a log is.

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Deserialize;

use super::LogsRow;
use super::create::{refuse_both, require_owner};
use crate::framework::{Answer, Context, find_in};
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
    let updated = cx.store.write(|mut tx| async move {
        assign(&mut tx, id, update.pipeline_run_id, update.step_run_id).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    updated.await?;
    cx.answer::<LogsRow>(id).await
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
    require_owner(tx, "pipeline_run", pipeline_run, project).await?;
    require_owner(tx, "step_run", step_run, project).await?;
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
