//! Changes of steps.

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Deserialize;

use super::StepRow;
use super::artifacts::{NewInput, add_input, add_outputs};
use crate::api::runs::execution_status::{ExceptionInfo, ExecutionStatus};
use crate::api::runs::logs::{self, LogsOwner, LogsRequest};
use crate::api::runs::pipeline_runs;
use crate::framework::{Answer, Context, find_in, not_found};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::timestamps::SentTimestamp;
use crate::http::values::at_most;
use crate::store::{Id, Transaction, Update, Word, Words, sent_fields};

#[derive(Debug, Deserialize)]
pub(super) struct StepUpdate {
    #[serde(default, deserialize_with = "at_most::<5000, _, _>")]
    outputs: IndexMap<String, Vec<Id>>,
    #[serde(default, deserialize_with = "at_most::<5000, _, _>")]
    loaded_artifact_versions: IndexMap<String, Id>,
    status: Option<ExecutionStatus>,
    end_time: Option<SentTimestamp>,
    exception_info: Option<ExceptionInfo>,
    cache_expires_at: Option<SentTimestamp>,
    #[serde(default, deserialize_with = "at_most::<200, _, _>")]
    add_logs: Option<Vec<LogsRequest>>,
}

modelled!(StepUpdate as StepRunUpdate);

/// What a caller may make of a step's status.
///
/// # Errors
/// 403 for a status that only the server sets, and for a step that has ended.
pub(super) fn check_transition(current: Option<ExecutionStatus>, new: ExecutionStatus) -> ApiResult<()> {
    use ExecutionStatus as Status;
    let illegal = |message: String| Err(ApiError::illegal(message));
    if matches!(new, Status::Retrying | Status::Retried | Status::Cancelling | Status::Queued) {
        return illegal(format!("The status '{}' can't be set by hand.", new.as_str()));
    }
    match current {
        Some(current) if current.is_finished() => {
            illegal("The status of a step that has ended can't be changed.".to_owned())
        }
        Some(Status::Stopping) if !matches!(new, Status::Stopped | Status::Failed) => {
            illegal(format!("A step that is stopping can't become '{}'.", new.as_str()))
        }
        _ => Ok(()),
    }
}

pub(super) async fn update_step(
    cx: Context,
    PathId(id): PathId,
    ModelBody(mut update): ModelBody<StepUpdate>,
) -> Answer<StepRow> {
    let add_logs = logs::checked(update.add_logs.take())?;
    // A step stays in its run, so this may be read before the run's lock.
    let run = cx.find::<StepRow>(id).await?.metadata.pipeline_run_id;
    let (context, update, add_logs) = (&cx, &update, &add_logs);
    // A repetition of a request that has ended the step gets its answer, not the refusal of a second end.
    let updated = cx.create(|mut tx| async move {
        pipeline_runs::lock(&mut tx, run).await?;
        let step = find_in::<StepRow>(&mut tx, id).await?;
        let status = next_status(&mut tx, &step, update.status).await?;
        Update::of("step_run", id, context.now())
            .maybe("status", status.map(ExecutionStatus::as_str))
            .maybe_all(sent_fields!(update; end_time, exception_info, cache_expires_at))
            .run(&mut tx)
            .await?;
        add_outputs(&mut tx, id, step.body.project_id, &update.outputs).await?;
        for (name, version) in &update.loaded_artifact_versions {
            add_input(&mut tx, id, step.body.project_id, &NewInput::loaded(name, *version)).await?;
        }
        let ended = pipeline_runs::follow_steps(context, &mut tx, run).await?;
        for reference in add_logs {
            logs::attach(context, &mut tx, step.body.project_id, LogsOwner::Step(id), reference, "step")
                .await?;
        }
        Ok((tx, ended))
    });
    updated.await?.note(&cx, run).await?;
    cx.answer::<StepRow>(id).await
}

/// The status that a step gets: one that can be tried again isn't failed yet, one that is stopped isn't either.
async fn next_status(
    tx: &mut Transaction,
    step: &StepRow,
    asked: Option<ExecutionStatus>,
) -> ApiResult<Option<ExecutionStatus>> {
    use ExecutionStatus as Status;
    let Some(asked) = asked else { return Ok(None) };
    let current = step.body.status.known();
    check_transition(current, asked)?;
    if matches!(asked, Status::Failed | Status::Cancelled) && step.body.is_retriable {
        let query = Sql::select()
            .column("status")
            .from("pipeline_run")
            .and_where(Expr::col("id").eq(step.metadata.pipeline_run_id))
            .to_owned();
        let (run,) = tx
            .fetch_optional::<(Word<Status>,)>(&query)
            .await?
            .ok_or_else(|| not_found::<StepRow>(step.id))?;
        if !matches!(run.known(), Some(Status::Stopping | Status::Stopped)) {
            return Ok(Some(Status::Retrying));
        }
    }
    if current == Some(Status::Stopping) && asked == Status::Failed {
        return Ok(Some(Status::Stopped));
    }
    Ok(Some(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExecutionStatus as Status;

    #[test]
    fn a_step_that_has_ended_stays_ended() {
        for ended in [Status::Completed, Status::Failed, Status::Cached, Status::Retried, Status::Stopped] {
            assert!(check_transition(Some(ended), Status::Running).is_err(), "{ended:?}");
        }
        assert!(check_transition(Some(Status::Running), Status::Completed).is_ok());
        assert!(check_transition(Some(Status::Retrying), Status::Running).is_ok());
    }

    #[test]
    fn some_statuses_are_the_servers_alone() {
        for status in [Status::Retrying, Status::Retried, Status::Cancelling, Status::Queued] {
            assert!(check_transition(None, status).is_err(), "{status:?}");
        }
        assert!(check_transition(Some(Status::Stopping), Status::Completed).is_err());
        assert!(check_transition(Some(Status::Stopping), Status::Failed).is_ok());
    }
}
