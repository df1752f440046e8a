//! Starting runs. Each step of a run may ask for it: the first one makes it, the others get the same.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};
use serde::Deserialize;

use super::{RunRow, TriggerInfo};
use crate::api::models::model_versions::{self, ConfiguredModel};
use crate::api::runs::execution_status::{ExceptionInfo, ExecutionStatus};
use crate::api::runs::logs::{self, LogsOwner, LogsReference};
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::runs::pipelines::{count_run, run_count};
use crate::api::runs::step_configuration::{Object, fill, finalize_substitutions, object, value};
use crate::api::server::tagging::{TagReference, Taggable, set_tags};
use crate::framework::{Context, NamedProject, Resource, ResponseOf, not_in_project, require};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::json::ModelBody;
use crate::http::timestamps::SentTimestamp;
use crate::http::values::{JsonObject, Name, ShortText};
use crate::store::{Id, Reads, Timestamp, Transaction, Update, Words, fields, ids_where};

/// What an environment may take in its TEXT column.
const LONGEST_ENVIRONMENT: usize = 65_535;

#[derive(Debug, Deserialize)]
pub(super) struct RunRequest {
    project: Id,
    name: Name,
    snapshot: Id,
    orchestrator_run_id: Option<ShortText>,
    start_time: Option<SentTimestamp>,
    end_time: Option<SentTimestamp>,
    status: ExecutionStatus,
    status_reason: Option<ShortText>,
    orchestrator_environment: Option<JsonObject>,
    trigger_info: Option<TriggerInfo>,
    tags: Option<Vec<TagReference>>,
    logs: Option<LogsReference>,
    exception_info: Option<ExceptionInfo>,
    original_run_id: Option<Id>,
    parent_run_id: Option<Id>,
    child_key: Option<ShortText>,
}

modelled!(RunRequest as PipelineRunRequest);

impl RunRequest {
    /// A run that keeps a place until its orchestrator begins.
    fn is_placeholder(&self) -> bool {
        self.status == ExecutionStatus::Initializing
    }

    fn check(&self) -> ApiResult<()> {
        if !matches!(self.status, ExecutionStatus::Initializing | ExecutionStatus::Running) {
            let message = "status: a run starts as 'initializing' or 'running'";
            return Err(ApiError::invalid_request(message));
        }
        if self.parent_run_id.is_some() != self.child_key.is_some() {
            let message = "parent_run_id and child_key belong together: give both or none";
            return Err(ApiError::invalid_request(message));
        }
        self.logs.as_ref().map_or(Ok(()), LogsReference::check)
    }

    fn environment(&self) -> &str {
        let environment = self.orchestrator_environment.as_ref().map_or("{}", JsonObject::as_str);
        if environment.len() > LONGEST_ENVIRONMENT { "{}" } else { environment }
    }
}

/// What a run needs of its snapshot, which never changes.
#[derive(Debug)]
struct SnapshotOfRun {
    pipeline_id: Id,
    configuration: Object,
}

/// The run that was asked for, and whether this request made it.
pub(super) async fn get_or_create_run(
    cx: Context,
    project: NamedProject,
    ModelBody(mut request): ModelBody<RunRequest>,
) -> ApiResult<Json<(ResponseOf<RunRow>, bool)>> {
    request.check()?;
    request.project = project.or(&cx, request.project).await?;
    if let Some(original) = request.original_run_id {
        cx.find::<RunRow>(original).await?;
    }
    // The most likely case: another step of the same run was here before.
    if let Some((id,)) = cx.store.fetch_optional::<(Id,)>(&begun(&request)).await? {
        return Ok(Json((cx.answer::<RunRow>(id).await?.0, false)));
    }
    let new_id = cx.new_id();
    let (context, request) = (&cx, &request);
    // Before the transaction, since others wait for that one.
    let snapshot = find_snapshot(&mut &cx.store, request).await?;
    let snapshot = snapshot.as_ref();
    let made = cx.create_numbered(|mut tx| async move {
        // One that another node of a cluster has just made may be seen only here.
        let here = match snapshot {
            Some(_) => None,
            None => find_snapshot(&mut tx, request).await?,
        };
        let snapshot = snapshot.or(here.as_ref());
        let snapshot = snapshot.ok_or_else(|| not_in_project("pipeline snapshot", request.snapshot))?;
        let made = get_or_make(context, &mut tx, new_id, snapshot, request).await?;
        Ok((tx, made))
    });
    let (id, is_new): (Id, bool) = made.await?;
    Ok(Json((cx.answer::<RunRow>(id).await?.0, is_new)))
}

async fn get_or_make(
    cx: &Context,
    tx: &mut Transaction,
    new_id: Id,
    snapshot: &SnapshotOfRun,
    request: &RunRequest,
) -> ApiResult<(Id, bool)> {
    // Runs of one pipeline are made one after the other.
    count_run(tx, snapshot.pipeline_id).await?;
    let Some(there) = tx.fetch_optional::<There>(&there(snapshot.pipeline_id, request)).await? else {
        return Err(ApiError::internal());
    };
    let placeholder = there.expected.or(there.unclaimed).filter(|_| !request.is_placeholder());
    if there.begun.is_some() || placeholder.is_some() {
        give_back_number(tx, snapshot.pipeline_id).await?;
    }
    if let Some(id) = there.begun {
        return Ok((id, false));
    }
    let id = match placeholder {
        Some(placeholder) => {
            replace(cx, tx, placeholder, request).await?;
            placeholder
        }
        None => {
            insert(cx, tx, new_id, snapshot, &there, request).await?;
            new_id
        }
    };
    let tags = request.tags.as_deref().unwrap_or_default();
    set_tags(cx, tx, Taggable::PipelineRun, id, tags).await?;
    Ok((id, true))
}

async fn find_snapshot(read: &mut impl Reads, request: &RunRequest) -> ApiResult<Option<SnapshotOfRun>> {
    let query = Sql::select()
        .columns(["pipeline_id", "pipeline_configuration"])
        .from("pipeline_snapshot")
        .and_where(Expr::col("id").eq(request.snapshot))
        .and_where(Expr::col("project_id").eq(request.project))
        .to_owned();
    let found = read.first::<(Id, String)>(&query).await?;
    Ok(found.map(|(pipeline_id, configuration)| SnapshotOfRun {
        pipeline_id,
        configuration: object(&configuration),
    }))
}

/// The run of this snapshot that the orchestrator knows by the id that is asked for.
fn begun(request: &RunRequest) -> SelectStatement {
    ids_where(
        "pipeline_run",
        [
            Expr::col("snapshot_id").eq(request.snapshot),
            Expr::col("project_id").eq(request.project),
            Expr::col("orchestrator_run_id").eq(request.orchestrator_run_id.as_ref().map(ShortText::as_str)),
            Expr::col("status").is_not_in(["initializing", "provisioning"]),
        ],
    )
}

/// What is there of a run that is asked for.
#[derive(Debug, sqlx_macros::FromRow)]
struct There {
    /// Runs of the pipeline, with this one.
    run_count: Option<i32>,
    begun: Option<Id>,
    /// A run of this snapshot that waits for its orchestrator, which knows it by the id that is asked for.
    expected: Option<Id>,
    /// One whose id isn't known.
    unclaimed: Option<Id>,
    /// A run with that name.
    namesake: Option<Id>,
    snapshot: Option<Id>,
}

/// In one statement, since all other runs of the pipeline wait meanwhile.
fn there(pipeline: Id, request: &RunRequest) -> SelectStatement {
    let orchestrator_run_id = request.orchestrator_run_id.as_ref().map(ShortText::as_str);
    // In one condition, all runs of the snapshot would be looked at: a schedule's has one for each time.
    let waiting = |known_as: SimpleExpr| {
        let waits = Expr::col("status").is_in(["initializing", "provisioning"]);
        ids_where("pipeline_run", [Expr::col("snapshot_id").eq(request.snapshot), waits, known_as])
    };
    let namesake = [Expr::col("name").eq(request.name.as_str()), Expr::col("project_id").eq(request.project)];
    let snapshot = [Expr::col("id").eq(request.snapshot), Expr::col("project_id").eq(request.project)];
    let id = Expr::col("orchestrator_run_id");
    Sql::select()
        .expr_as(SimpleExpr::from(run_count(pipeline)), "run_count")
        .expr_as(first(begun(request)), "begun")
        .expr_as(first(waiting(id.clone().eq(orchestrator_run_id))), "expected")
        .expr_as(first(waiting(id.is_null())), "unclaimed")
        .expr_as(first(ids_where("pipeline_run", namesake)), "namesake")
        .expr_as(first(ids_where("pipeline_snapshot", snapshot)), "snapshot")
        .to_owned()
}

fn first(mut ids: SelectStatement) -> SimpleExpr {
    ids.limit(1).to_owned().into()
}

async fn give_back_number(tx: &mut Transaction, pipeline: Id) -> ApiResult<()> {
    tx.set_where("pipeline", ("run_count", Expr::col("run_count").sub(1)), [Expr::col("id").eq(pipeline)])
        .await?;
    Ok(())
}

/// The orchestrator has begun: the place that was kept becomes the run.
async fn replace(cx: &Context, tx: &mut Transaction, placeholder: Id, request: &RunRequest) -> ApiResult<()> {
    let Some(orchestrator_run_id) = request.orchestrator_run_id.as_ref() else {
        let message = "An orchestrator_run_id is needed to begin the run that waits for this snapshot.";
        return Err(ApiError::value(message));
    };
    Update::of("pipeline_run", placeholder, cx.now())
        .set("orchestrator_run_id", orchestrator_run_id.as_str())
        .set("orchestrator_environment", request.environment())
        .set("status", request.status.as_str())
        .set("in_progress", true)
        .run(tx)
        .await?;
    Ok(())
}

async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    snapshot: &SnapshotOfRun,
    there: &There,
    request: &RunRequest,
) -> ApiResult<()> {
    let project = request.project;
    there.snapshot.ok_or_else(|| not_in_project(SnapshotRow::NAME, request.snapshot))?;
    require::<RunRow>(tx, request.original_run_id, project).await?;
    let root = root_run(tx, project, request.parent_run_id).await?;
    let name = request.name.as_str();
    if there.namesake.is_some() {
        return Err(name_taken(name));
    }
    let trigger = request.trigger_info.as_ref();
    let (triggered_by, triggered_by_type) = match trigger.map(|info| (info.step_run_id, info.deployment_id)) {
        Some((Some(step), _)) => (Some(step), Some("step_run")),
        Some((None, Some(deployment))) => (Some(deployment), Some("deployment")),
        _ => (None, None),
    };
    let configuration = &snapshot.configuration;
    let inserted = cx
        .insert("pipeline_run", id)
        .set("name", name)
        .set_all(fields!(request; orchestrator_run_id, start_time, end_time, status_reason, exception_info))
        .set_all(fields!(request; child_key, original_run_id, parent_run_id))
        .set("in_progress", true)
        .set("status", request.status.as_str())
        .set("orchestrator_environment", request.environment())
        .set("index", there.run_count.unwrap_or(1))
        .set("enable_heartbeat", value::<bool>(configuration, "enable_heartbeat").unwrap_or(true))
        .set("snapshot_id", request.snapshot)
        .set("project_id", project)
        .set("pipeline_id", snapshot.pipeline_id)
        .set("root_run_id", root)
        .set("triggered_by", triggered_by)
        .set("triggered_by_type", triggered_by_type)
        .run(tx)
        .await;
    inserted.map_err(if_duplicate(|| name_taken(name)))?;
    if let Some(reference) = &request.logs {
        logs::attach(cx, tx, project, LogsOwner::Run(id), reference, "client").await?;
    }
    let start = request.start_time.map_or_else(|| cx.now(), |moment| moment.0);
    find_model(cx, tx, id, project, configuration, start).await
}

/// The version of the model that the pipeline is configured with.
async fn find_model(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    project: Id,
    configuration: &Object,
    start: Timestamp,
) -> ApiResult<()> {
    let configured = value::<Option<ConfiguredModel>>(configuration, "model").flatten();
    let Some(configured) = configured else { return Ok(()) };
    let mut configuration = configuration.clone();
    finalize_substitutions(&mut configuration, start);
    let filled = |template: &str| fill(template, &configuration);
    let version = model_versions::for_run(cx, tx, project, id, &configured, filled).await?;
    Update::unnoted("pipeline_run", id).set("model_version_id", version).run(tx).await?;
    Ok(())
}

/// The root of the tree of runs that a child of this run belongs to.
async fn root_run(tx: &mut Transaction, project: Id, parent: Option<Id>) -> ApiResult<Option<Id>> {
    let Some(parent) = parent else { return Ok(None) };
    let query = Sql::select()
        .column("root_run_id")
        .from("pipeline_run")
        .and_where(Expr::col("id").eq(parent))
        .and_where(Expr::col("project_id").eq(project))
        .to_owned();
    match tx.fetch_optional::<(Option<Id>,)>(&query).await? {
        Some((root,)) => Ok(Some(root.unwrap_or(parent))),
        None => Err(not_in_project("parent run", parent)),
    }
}

fn name_taken(name: &str) -> ApiError {
    let message = format!(
        "A pipeline run with the name '{name}' already exists in this project. Give each run a name of its own, for \
         example with placeholders: '{name}_{{date}}_{{time}}'."
    );
    ApiError::exists(message)
}
