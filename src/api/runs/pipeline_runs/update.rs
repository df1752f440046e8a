//! Changes of runs: what is asked for, and what follows from their steps.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::{Deserialize, Serialize};

use super::RunRow;
use super::status::{RunState, RunStatusRow, StepState};
use crate::accounts::server;
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::api::runs::execution_status::{ExceptionInfo, ExecutionStatus};
use crate::api::runs::logs::{self, LogsOwner, LogsRequest};
use crate::api::runs::step_configuration::{object, value};
use crate::api::server::tagging::{TagReference, Taggable, retag};
use crate::auth::Scope;
use crate::framework::{Answer, Context, find_in, not_found, require};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{ShortText, at_most};
use crate::store::{Id, Insert, JoinById, StoreError, Timestamp, Transaction, Update, Words};

#[derive(Debug, Deserialize)]
pub(super) struct RunUpdate {
    status: Option<ExecutionStatus>,
    status_reason: Option<ShortText>,
    orchestrator_run_id: Option<ShortText>,
    exception_info: Option<ExceptionInfo>,
    /// In the order of the request.
    #[serde(default, deserialize_with = "at_most::<1000, _, _>")]
    outputs: Option<IndexMap<String, Id>>,
    add_tags: Option<Vec<TagReference>>,
    remove_tags: Option<Vec<TagReference>>,
    #[serde(default, deserialize_with = "at_most::<200, _, _>")]
    add_logs: Option<Vec<LogsRequest>>,
}

modelled!(RunUpdate as PipelineRunUpdate);

pub(super) async fn update_run(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<RunUpdate>,
) -> Answer<RunRow> {
    let add_logs = logs::checked(update.add_logs)?;
    let update = RunUpdate { add_logs: None, ..update };
    let (context, update, add_logs) = (&cx, &update, &add_logs);
    let updated = cx.store.write_sharing(|mut tx| async move {
        lock(&mut tx, id).await?;
        let run = find_in::<RunRow>(&mut tx, id).await?;
        let reason = update.status_reason.as_ref().map(ShortText::as_str);
        let ended = match update.status {
            Some(status) => follow(context, &mut tx, id, Some(status), reason).await?,
            None => Ended(false),
        };
        let orchestrator_run_id = update.orchestrator_run_id.as_ref().map(ShortText::as_str);
        check_orchestrator_run_id(&mut tx, &run, orchestrator_run_id).await?;
        Update::of("pipeline_run", id, context.now())
            .maybe("orchestrator_run_id", orchestrator_run_id)
            .maybe("exception_info", update.exception_info.clone())
            .run(&mut tx)
            .await?;
        if let Some(outputs) = &update.outputs {
            set_outputs(context, &mut tx, &run, outputs).await?;
        }
        for reference in add_logs {
            let owner = LogsOwner::Run(id);
            logs::attach(context, &mut tx, run.body.project_id, owner, reference, "orchestrator").await?;
        }
        let add = update.add_tags.as_deref().unwrap_or_default();
        let remove = update.remove_tags.as_deref().unwrap_or_default();
        retag(context, &mut tx, Taggable::PipelineRun, id, add, remove).await?;
        Ok::<_, ApiError>(tx.commit(ended).await?)
    });
    updated.await?.note(&cx, id).await?;
    cx.answer::<RunRow>(id).await
}

async fn check_orchestrator_run_id(
    tx: &mut Transaction,
    run: &RunRow,
    wanted: Option<&str>,
) -> ApiResult<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let now = find_in::<RunRow>(tx, run.id).await?;
    let illegal = |message: String| Err(ApiError::illegal(message));
    if !matches!(now.body.status.known(), Some(ExecutionStatus::Initializing | ExecutionStatus::Provisioning))
    {
        return illegal("The orchestrator run ID of a run that has begun can't be changed.".to_owned());
    }
    match &run.orchestrator_run_id {
        Some(known) if known != wanted => illegal(format!(
            "The run has the orchestrator run ID '{known}' already; '{wanted}' is another one."
        )),
        _ => Ok(()),
    }
}

async fn set_outputs(
    cx: &Context,
    tx: &mut Transaction,
    run: &RunRow,
    outputs: &IndexMap<String, Id>,
) -> ApiResult<()> {
    tx.delete_where("pipeline_run_output", [Expr::col("pipeline_run_id").eq(run.id)]).await?;
    for (index, (name, artifact)) in (0..).zip(outputs) {
        require::<ArtifactVersionRow>(tx, Some(*artifact), run.body.project_id).await?;
        Insert::into("pipeline_run_output")
            .stamped(cx.new_id(), cx.now())
            .set("pipeline_run_id", run.id)
            .set("name", name.as_str())
            .set("output_index", index)
            .set("artifact_id", *artifact)
            .run(tx)
            .await?;
    }
    Ok(())
}

/// Keeps a run to this transaction: steps that end at once must see each other. It has to come before anything is
/// read. The run's own row stays as it is, since nothing may come of the rest; some runs share a turn.
///
/// # Errors
/// The store's own.
pub(crate) async fn lock(tx: &mut Transaction, run: Id) -> Result<(), StoreError> {
    let [.., turn] = run.0.into_bytes();
    tx.lock(&format!("run {turn:02x}")).await
}

/// Whether a change has ended the run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[must_use = "what follows the end of a run has to follow"]
pub(crate) struct Ended(bool);

impl Ended {
    /// After the commit: the run's tokens have their leeway from now on. Notes the first run that has ended on this server, and the first beyond one machine.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn note(self, cx: &Context, run: Id) -> ApiResult<()> {
        if !self.0 {
            return Ok(());
        }
        cx.auth.identities.forget_run(run.0).await;
        note_first_runs(cx, run).await
    }
}

async fn note_first_runs(cx: &Context, run: Id) -> ApiResult<()> {
    let components = Sql::select()
        .columns(["type", "flavor"].map(|column| ("stack_component", column)))
        .from("pipeline_run")
        .join_by_id("pipeline_snapshot", ("pipeline_run", "snapshot_id"))
        .inner_join(
            "stack_composition",
            Expr::col(("stack_composition", "stack_id")).equals(("pipeline_snapshot", "stack_id")),
        )
        .join_by_id("stack_component", ("stack_composition", "component_id"))
        .and_where(Expr::col(("pipeline_run", "id")).eq(run))
        .to_owned();
    let components: Vec<(String, String)> = cx.store.fetch_all(&components).await?;
    let mut steps = vec!["pipeline_run"];
    for (kind, flavor) in &components {
        match (kind.as_str(), flavor.as_str()) {
            ("orchestrator", "local" | "local_docker") | ("artifact_store", "local") => {}
            ("orchestrator", _) => steps.push("pipeline_run_with_remote_orchestrator"),
            ("artifact_store", _) => steps.push("pipeline_run_with_remote_artifact_store"),
            _ => {}
        }
    }
    for step in steps {
        server::note_step(&cx.store, step, cx.now()).await?;
    }
    Ok(())
}

/// Brings a run's status up to date after a change of its steps.
///
/// # Errors
/// The store's own.
pub(crate) async fn follow_steps(cx: &Context, tx: &mut Transaction, run: Id) -> ApiResult<Ended> {
    follow(cx, tx, run, None, None).await
}

/// Brings a run to a status that is asked for, as far as its steps let it.
///
/// # Errors
/// 403 for a status that the run can't have, or not any more; the store's own.
pub(crate) async fn follow(
    cx: &Context,
    tx: &mut Transaction,
    run: Id,
    requested: Option<ExecutionStatus>,
    reason: Option<&str>,
) -> ApiResult<Ended> {
    let now = cx.now();
    let (row, state) = read_state(tx, run).await?;
    let Some(mut next) = state.next(requested, reason.is_some(), now)? else { return Ok(Ended(false)) };
    if !row.in_progress && next.in_progress && is_work(cx) {
        if next.status == ExecutionStatus::Resuming {
            let message =
                "A token that is bound to a run, schedule or deployment resumes no run that has ended.";
            return Err(ApiError::illegal(message));
        }
        next.in_progress = false;
    }
    let mut update = Update::of("pipeline_run", run, now)
        .set("status", next.status.as_str())
        .set("in_progress", next.in_progress);
    if !next.in_progress && row.end_time.is_none_or(|end| end > now) {
        update = update.set("end_time", now);
    } else if next.status == ExecutionStatus::Resuming {
        update = update.set("end_time", Option::<Timestamp>::None);
    }
    let stops = state.status == ExecutionStatus::Stopping && next.status == ExecutionStatus::Stopped;
    if reason.is_some() || (state.status != next.status && !stops) {
        update = update.set("status_reason", reason);
    }
    update.run(tx).await?;
    Ok(Ended(next.status.is_finished() && next.status != state.status))
}

/// Whether a piece of work asks: its token ends with a run, and mustn't begin that one anew.
fn is_work(cx: &Context) -> bool {
    cx.principal.scope().is_some_and(Scope::is_workload)
}

async fn read_state(tx: &mut Transaction, run: Id) -> ApiResult<(RunStatusRow, RunState)> {
    let query = Sql::select()
        .columns(
            ["status", "end_time", "in_progress", "parent_run_id"].map(|column| ("pipeline_run", column)),
        )
        .columns(
            ["is_dynamic", "step_count", "pipeline_configuration", "pipeline_spec"]
                .map(|column| ("pipeline_snapshot", column)),
        )
        .from("pipeline_run")
        .join_by_id("pipeline_snapshot", ("pipeline_run", "snapshot_id"))
        .and_where(Expr::col(("pipeline_run", "id")).eq(run))
        .to_owned();
    let row: RunStatusRow = tx.fetch_optional(&query).await?.ok_or_else(|| not_found::<RunRow>(run))?;
    let steps = Sql::select()
        .columns(["name", "status", "heartbeat_threshold", "latest_heartbeat", "start_time"])
        .from("step_run")
        .and_where(Expr::col("pipeline_run_id").eq(run))
        .and_where(Expr::col("status").ne("retried"))
        .to_owned();
    let steps: Vec<StepState> = tx.fetch_all(&steps).await?;
    let configuration = object(&row.pipeline_configuration);
    let state = RunState {
        status: row.status.known().unwrap_or(ExecutionStatus::Failed),
        is_dynamic: row.is_dynamic,
        is_child: row.parent_run_id.is_some(),
        execution_mode: value(&configuration, "execution_mode").unwrap_or_default(),
        pipeline_steps: row.pipeline_spec.as_deref().and_then(pipeline_steps),
        step_count: usize::try_from(row.step_count).unwrap_or_default(),
        steps,
    };
    Ok((row, state))
}

/// The steps that a pipeline's specification names, each with those before it.
fn pipeline_steps(spec: &str) -> Option<BTreeMap<String, Vec<String>>> {
    #[derive(Deserialize)]
    struct Spec {
        steps: Vec<Step>,
    }
    #[derive(Deserialize)]
    struct Step {
        invocation_id: String,
        #[serde(default)]
        upstream_steps: Vec<String>,
    }
    let spec: Spec = serde_json::from_str(spec).ok()?;
    Some(spec.steps.into_iter().map(|step| (step.invocation_id, step.upstream_steps)).collect())
}
