//! Pipeline runs.

mod answers;
mod control;
mod create;
pub(crate) mod filters;
mod graph;
mod logs;
mod routes;
mod statistics;
mod status;
mod update;

use std::sync::Arc;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Serialize;

use super::code_references::CodeReferenceRow;
use super::execution_status::ExecutionStatus;
use super::logs::LogsRow;
use super::pipeline_builds::BuildRow;
use super::pipeline_snapshots::SnapshotRow;
use super::pipelines::PipelineRow;
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::api::artifacts::curated_visualizations::CuratedVisualizationRow;
use crate::api::models::model_versions::ModelVersionRow;

use super::run_wait_conditions::WaitConditionRow;
use super::schedules::ScheduleRow;
use super::step_configuration::Object;
use crate::accounts::users::UserResponse;
use crate::api::server::tags::TagRow;
use crate::api::stacks::stacks::StackRow;
use crate::auth::kind::Kind;
use crate::framework::{Loader, Logged, Resource, Response, ResponseOf, delete_dependents, delete_row};
use crate::http::error::ApiResult;
use crate::store::{Id, JsonText, Timestamp, Transaction, Word, row};

pub(crate) use self::answers::logs_of;
pub(crate) use self::filters::MODEL;
pub(crate) use self::logs::get_step_logs;
pub(crate) use self::routes::routes;
pub(crate) use self::status::ExecutionMode;
pub(crate) use self::update::{Ended, follow, follow_steps, lock};

pub(crate) const KIND: Kind = Kind::new("runs").in_project();

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
    tags: Vec<Arc<ResponseOf<TagRow>>>,
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
    const IN_PROJECT: bool = true;
    const TAGGABLE: bool = true;
    type Body = RunBody;
    type Metadata = RunMetadata;
    type Resources = RunResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let mut metadata = answers::metadata(loader, &rows).await?;
        let mut resources = answers::resources(loader, &rows).await?;
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
    let within = Expr::col("root_run_id")
        .in_subquery(runs.clone())
        .or(Expr::col("parent_run_id").in_subquery(runs.clone()));
    for runs in [select().and_where(within).to_owned(), runs] {
        let steps = Sql::select()
            .column("id")
            .from("step_run")
            .and_where(Expr::col("pipeline_run_id").in_subquery(runs.clone()))
            .to_owned();
        delete_dependents(tx, &steps).await?;
        delete_dependents(tx, &runs).await?;
    }
    Ok(())
}
