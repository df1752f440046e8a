//! Pipeline runs.

mod answers;
mod control;
mod create;
pub(crate) mod filters;
mod graph;
mod log_entries;
mod statistics;
mod status;
mod update;

use std::sync::Arc;

use axum::Json;
use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Serialize;
use tokio::try_join;

use self::answers::{add_full_metadata, add_packages};
use self::control::{publish_events, refresh_run, stop_run, stream_events};
use self::create::get_or_create_run;
use self::graph::get_graph;
use self::log_entries::get_run_logs;
use self::statistics::get_statistics;
use self::update::update_run;
use super::code_references::CodeReferenceRow;
use super::logs::LogsRow;
use super::pipeline_builds::BuildRow;
use super::pipeline_snapshots::SnapshotRow;
use super::pipelines::PipelineRow;
use super::run_wait_conditions::WaitConditionRow;
use super::schedules::ScheduleRow;
use crate::accounts::users::UserResponse;
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::api::artifacts::curated_visualizations::CuratedVisualizationRow;
use crate::api::models::model_versions::{self, ModelVersionRow};
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::logs;
use crate::api::runs::step_configuration::Object;
use crate::api::runs::steps::{self, StepRow};
use crate::api::server::tagging::{NO_TAGS, TAGS, Tags};
use crate::api::stacks::stacks::StackRow;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{
    Answer, Answers, Context, Loader, Logged, PageAnswer, Resource, Response, ResponseOf, Routes, delete,
    delete_dependents, delete_row, list_of,
};
use crate::http::error::{ApiError, ApiResult};
use crate::http::list::ListRequest;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::lookups::note_freed;
use crate::store::{Id, JsonText, Timestamp, Transaction, Update, Word, ids_where, row};

pub(crate) use self::answers::logs_of;
pub(crate) use self::filters::MODEL;
pub(crate) use self::log_entries::get_step_logs;
pub(crate) use self::status::ExecutionMode;
pub(crate) use self::update::{Ended, follow, follow_steps, lock};

pub(crate) const KIND: Kind = Kind::new("runs").in_project();
const RUNS: [&str; 2] = ["/api/v1/runs", "/api/v1/workspaces/{project_name_or_id}/runs"];
const RUN: &str = "/api/v1/runs/{run_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(RUNS, get_or_create_run)
        .also(&TAGS)
        .also(&logs::ATTACHED)
        .also(&model_versions::CONFIGURED)
        .get(RUNS, list_runs)
        .get(RUN, get_run)
        .put(RUN, update_run)
        .replayed()
        .also(&TAGS)
        .also(&NO_TAGS)
        .also(&logs::ATTACHED)
        .delete(RUN, delete::<RunRow>)
        .get("/api/v1/runs/{run_id}/steps", list_steps_of_run)
        .needs(steps::KIND.to(Verb::Read))
        .get("/api/v1/runs/{run_id}/pipeline-configuration", get_pipeline_configuration)
        .get("/api/v1/runs/{run_id}/status", get_run_status)
        .get("/api/v1/runs/{run_id}/logs", get_run_logs)
        .needs(logs::KIND.to(Verb::Read))
        .get("/api/v1/runs/{run_id}/dag", get_graph)
        .post("/api/v1/runs/statistics", get_statistics)
        .needs(KIND.to(Verb::Read))
        .post("/api/v1/runs/{run_id}/refresh", refresh_run)
        .needs(KIND.to(Verb::Update))
        .post("/api/v1/runs/{run_id}/stop", stop_run)
        .needs(KIND.to(Verb::Update))
        .post("/api/v1/runs/{pipeline_run_id}/events", publish_events)
        .needs(KIND.to(Verb::Update))
        .get("/api/v1/runs/{pipeline_run_id}/events/stream", stream_events)
        .put("/api/v1/runs/{run_id}/disable_heartbeat", disable_heartbeat)
}

row! {
    pub struct RunRow in "pipeline_run" {
        pub id: Id,
        pub name: String,
        orchestrator_run_id: Option<String>,
        pub start_time: Option<Timestamp>,
        end_time: Option<Timestamp>,
        pub enable_heartbeat: bool,
        pub snapshot_id: Option<Id>,
        model_version_id: Option<Id>,
        stack_id: Option<Id>,
        build_id: Option<Id>,
        schedule_id: Option<Id>,
        original_run_id: Option<Id>,
        parent_run_id: Option<Id>,
        triggered_by: Option<Id>,
        triggered_by_type: Option<String>,
    }
    body RunBody: in_project {
        pub status: Word<ExecutionStatus>,
        in_progress: bool,
        status_reason: Option<String>,
        index: i32,
        pipeline_id: Option<Id>,
        child_key: Option<String>,
        pub root_run_id: Option<Id>,
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct RunMetadata {
    run_metadata: Logged,
    config: Object,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    client_environment: Object,
    orchestrator_environment: Object,
    orchestrator_run_id: Option<String>,
    code_path: Option<String>,
    template_id: Option<Id>,
    is_templatable: bool,
    trigger_info: Option<TriggerInfo>,
    enable_heartbeat: bool,
    exception_info: Option<JsonText>,
    trigger_execution_info: Option<()>,
}

/// What started a run (contract schema PipelineRunTriggerInfo).
#[derive(Debug, Default, Serialize, serde::Deserialize)]
pub(crate) struct TriggerInfo {
    step_run_id: Option<Id>,
    deployment_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RunResources {
    user: Option<Arc<UserResponse>>,
    snapshot: Option<Arc<ResponseOf<SnapshotRow>>>,
    source_snapshot: Option<Arc<ResponseOf<SnapshotRow>>>,
    stack: Option<Arc<ResponseOf<StackRow>>>,
    pipeline: Option<Arc<ResponseOf<PipelineRow>>>,
    build: Option<Arc<ResponseOf<BuildRow>>>,
    schedule: Option<Arc<ResponseOf<ScheduleRow>>>,
    code_reference: Option<Arc<ResponseOf<CodeReferenceRow>>>,
    model_version: Option<Arc<ResponseOf<ModelVersionRow>>>,
    tags: Tags,
    log_collection: Vec<Arc<ResponseOf<LogsRow>>>,
    visualizations: Vec<ResponseOf<CuratedVisualizationRow>>,
    trigger: Option<()>,
    original_run: Option<Arc<ResponseOf<RunRow>>>,
    parent_run: Option<Arc<ResponseOf<RunRow>>>,
    active_wait_condition: Option<Arc<ResponseOf<WaitConditionRow>>>,
    outputs: IndexMap<String, Arc<ResponseOf<ArtifactVersionRow>>>,
}

impl Resource for RunRow {
    const NAME: &'static str = "pipeline run";
    const TAGGABLE: bool = true;
    type Body = RunBody;
    type Metadata = RunMetadata;
    type Resources = RunResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let (mut metadata, mut resources) =
            try_join!(answers::metadata(loader, &rows), answers::resources(loader, &rows))?;
        let response = |row: Self| {
            let (metadata, resources) = (metadata.remove(&row.id), resources.remove(&row.id));
            Response::named(row.id, row.name, row.body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }

    /// Its steps and logs go with it; what they made stays.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        strip_runs(tx, "id", id).await?;
        delete_row::<Self>(tx, id).await
    }
}

/// Takes from runs that are to be deleted, those with that value in a column, from the runs within them and from the
/// steps of all these what hangs on them without a foreign key.
///
/// # Errors
/// The store's own.
pub(crate) async fn strip_runs(tx: &mut Transaction, column: &'static str, value: Id) -> ApiResult<()> {
    let select = || Sql::select().column("id").from("pipeline_run").to_owned();
    let runs = select().and_where(Expr::col(column).eq(value)).to_owned();
    // One after the other: for both at once, MySQL looks through all runs.
    let within = ["root_run_id", "parent_run_id"]
        .map(|column| select().and_where(Expr::col(column).in_subquery(runs.clone())).to_owned());
    for runs in within.into_iter().chain([runs]) {
        let steps = ids_where("step_run", [Expr::col("pipeline_run_id").in_subquery(runs.clone())]);
        note_freed(tx, &steps).await?;
        delete_dependents(tx, &steps).await?;
        delete_dependents(tx, &runs).await?;
    }
    Ok(())
}

/// A page of runs; with their steps' metadata when it is asked for.
async fn list_runs(
    cx: Context,
    mut query: QueryParams,
    list: ListRequest<RunRow>,
) -> ApiResult<PageAnswer<RunRow>> {
    let with_all_metadata = query.flag("include_full_metadata").unwrap_or(false);
    query.finish()?;
    let mut page = list_of(&cx, &list, RunRow::select()).await?;
    if with_all_metadata {
        add_full_metadata(&cx.read(true), &mut page.items).await?;
    }
    Ok(page)
}

/// One run; with its steps' metadata and its environments' packages when they are asked for.
async fn get_run(cx: Context, PathId(id): PathId, mut query: QueryParams) -> Answer<RunRow> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.flag("refresh_status");
    let with_packages = query.flag("include_python_packages").unwrap_or(false);
    let with_all_metadata = query.flag("include_full_metadata").unwrap_or(false);
    query.finish()?;
    let Json(mut answer) = cx.answer_with::<RunRow>(id, hydrate).await?;
    if let Some(metadata) = answer.metadata.as_mut().filter(|_| with_packages) {
        add_packages(&cx.read(true), id, metadata).await?;
    }
    if with_all_metadata {
        add_full_metadata(&cx.read(true), std::slice::from_mut(&mut answer)).await?;
    }
    Ok(Json(answer))
}

async fn list_steps_of_run(
    cx: Context,
    PathId(id): PathId,
    query: QueryParams,
) -> ApiResult<PageAnswer<StepRow>> {
    let run = cx.find::<RunRow>(id).await?;
    // The path says which run, and nothing is hydrated.
    let mut list = ListRequest::<StepRow>::read(query.without(&["pipeline_run_id", "hydrate"]))?;
    list.project.get_or_insert_with(|| run.body.project_id.to_string());
    let of_run = StepRow::select().and_where(Expr::col("pipeline_run_id").eq(id)).to_owned();
    list_of(&cx, &list, of_run).await
}

async fn get_pipeline_configuration(cx: Context, PathId(id): PathId) -> ApiResult<Json<Object>> {
    let Json(answer) = cx.answer::<RunRow>(id).await?;
    Ok(Json(answer.metadata.map(|metadata| metadata.config).unwrap_or_default()))
}

async fn get_run_status(cx: Context, PathId(id): PathId) -> ApiResult<Json<Word<ExecutionStatus>>> {
    Ok(Json(cx.find::<RunRow>(id).await?.body.status))
}

/// The run's steps need no longer say that they live.
async fn disable_heartbeat(cx: Context, PathId(id): PathId) -> ApiResult<Json<()>> {
    cx.find::<RunRow>(id).await?;
    let disabled = cx.store.write(|mut tx| async move {
        Update::unnoted("pipeline_run", id).set("enable_heartbeat", false).run(&mut tx).await?;
        tx.set_where(
            "step_run",
            ("heartbeat_threshold", Option::<i32>::None),
            [Expr::col("pipeline_run_id").eq(id)],
        )
        .await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    disabled.await.map(Json)
}
