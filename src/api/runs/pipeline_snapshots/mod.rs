//! Snapshots: a pipeline as it was compiled for a run, with what each of its steps is configured to do.

mod answers;
mod code;
mod create;
mod delete;
pub(crate) mod filters;
mod update;

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::try_join;

use self::answers::{Abilities, LatestRun};
use self::create::create_snapshot;
use self::delete::prune_snapshots;
use self::update::update_snapshot;
use super::code_references::CodeReferenceRow;
use super::deployments::{self, DeploymentRow};
use super::execution_status::ExecutionStatus;
use super::pipeline_builds::BuildRow;
use super::pipeline_runs::{self, strip_runs};
use super::pipelines::PipelineRow;
use super::schedules::ScheduleRow;
use super::step_configuration::{MergedStep, Object, StoredStep, object};
use crate::accounts::users::UserResponse;
use crate::api::artifacts::curated_visualizations::{self, CuratedVisualizationRow};
use crate::api::runs::run_configuration;
use crate::api::server::tagging::{NO_TAGS, TAGS, Tags};
use crate::api::stacks::stacks::StackRow;
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{
    Answer, Answers, ById, Context, Held, Loader, Resource, Response, ResponseOf, Routes, delete, delete_row,
    list, pick,
};
use crate::http::error::ApiResult;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::{Id, InIds, JsonText, Stored, Transaction, Word, ids_where, row};

pub(crate) use self::answers::step_configurations;
pub(crate) use self::create::{StepRequest, insert_step_configuration};

pub(crate) const KIND: Kind = Kind::new("pipeline_snapshots").in_project();
/// What goes with one that is deleted.
pub(crate) const HOLDS: [Held; 1] = [Held::new(pipeline_runs::KIND, "pipeline_run", "snapshot_id")];
const SNAPSHOTS: [&str; 3] = [
    "/api/v1/pipeline_snapshots",
    "/api/v1/workspaces/{project_name_or_id}/pipeline_deployments",
    "/api/v1/pipeline_deployments",
];
const SNAPSHOT: &str = "/api/v1/pipeline_snapshots/{snapshot_id}";
const DEPLOYMENT: &str = "/api/v1/pipeline_deployments/{deployment_id}";
const UPDATE: Permission = KIND.to(Verb::Update);
const DELETE: Permission = KIND.to(Verb::Delete);
/// What taking a name does to the snapshot that had it.
const REPLACED: [Also; 2] =
    [Also::met(UPDATE, "one whose name it takes"), Also::met(DELETE, "an unused one whose name it takes")];

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(SNAPSHOTS, create_snapshot)
        .also(&TAGS)
        .also(&REPLACED)
        .get(SNAPSHOTS, list::<SnapshotRow>)
        .get(SNAPSHOT, get_snapshot)
        .put(SNAPSHOT, update_snapshot)
        .also(&TAGS)
        .also(&NO_TAGS)
        .also(&REPLACED)
        .delete(SNAPSHOT, delete::<SnapshotRow>)
        .also(&HOLDS.map(Held::also))
        .post("/api/v1/pipeline_snapshots/prune", prune_snapshots)
        .needs(DELETE)
        .get("/api/v1/pipeline_snapshots/{snapshot_id}/download-token", code::download_token)
        .get(DEPLOYMENT, get_snapshot)
        .delete(DEPLOYMENT, delete::<SnapshotRow>)
        .also(&HOLDS.map(Held::also))
        // For whoever has a token for it in the link.
        .get("/api/v1/pipeline_snapshots/{snapshot_id}/code", code::download)
        .open()
}

row! {
    pub struct SnapshotRow in "pipeline_snapshot" {
        pub id: Id,
        pub name: Option<String>,
        pub stack_id: Option<Id>,
        pub build_id: Option<Id>,
        pub schedule_id: Option<Id>,
        pub code_reference_id: Option<Id>,
    }
    body SnapshotColumns: in_project {
        pub is_dynamic: bool,
        pub pipeline_id: Id,
    }
    metadata SnapshotReferences {
        pub source_snapshot_id: Option<Id>,
        pub template_id: Option<Id>,
        pub code_path: Option<String>,
    }
}

row! {
    /// The long columns, which only hydrated answers need.
    struct SnapshotDetails in "pipeline_snapshot" {
        id: Id,
        pipeline_configuration: JsonText,
        client_environment: JsonText,
    }
    metadata SnapshotTexts {
        description: Option<String>,
        source_code: Option<String>,
        run_name_template: String,
        client_version: Option<String>,
        server_version: Option<String>,
        pipeline_version_hash: Option<String>,
        pipeline_spec: Option<JsonText>,
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct SnapshotBody {
    #[serde(flatten)]
    columns: SnapshotColumns,
    #[serde(flatten)]
    abilities: Abilities,
}

#[derive(Debug, Serialize)]
pub(crate) struct SnapshotMetadata {
    #[serde(flatten)]
    texts: SnapshotTexts,
    pipeline_configuration: JsonText,
    pub step_configurations: IndexMap<String, MergedStep>,
    client_environment: Object,
    #[serde(flatten)]
    references: SnapshotReferences,
    /// What a run can be configured with, when it is asked for.
    pub config_template: Option<Arc<RawValue>>,
    pub config_schema: Option<Arc<RawValue>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SnapshotResources {
    user: Option<Arc<UserResponse>>,
    pipeline: Option<Arc<ResponseOf<PipelineRow>>>,
    stack: Option<Arc<ResponseOf<StackRow>>>,
    build: Option<Arc<ResponseOf<BuildRow>>>,
    schedule: Option<Arc<ResponseOf<ScheduleRow>>>,
    code_reference: Option<Arc<ResponseOf<CodeReferenceRow>>>,
    deployment: Option<Arc<ResponseOf<DeploymentRow>>>,
    tags: Tags,
    latest_run_id: Option<Id>,
    latest_run_status: Option<Word<ExecutionStatus>>,
    latest_run_user: Option<Arc<UserResponse>>,
    visualizations: Vec<ResponseOf<CuratedVisualizationRow>>,
}

impl Resource for SnapshotRow {
    const NAME: &'static str = "pipeline snapshot";
    const TAGGABLE: bool = true;
    const HOLDS: &'static [Held] = &HOLDS;
    type Body = SnapshotBody;
    type Metadata = SnapshotMetadata;
    type Resources = SnapshotResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let abilities = answers::abilities(loader, &ids).await?;
        let mut metadata = if loader.metadata { all_metadata(loader, &rows).await? } else { ById::new() };
        let mut resources = if loader.resources { all_resources(loader, &rows).await? } else { ById::new() };
        let response = |row: Self| {
            let abilities = abilities.get(&row.id).copied().unwrap_or_default();
            let body = SnapshotBody { columns: row.body, abilities };
            let (metadata, resources) = (metadata.remove(&row.id), resources.remove(&row.id));
            Response::maybe_named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }

    /// Its runs and steps go with it; snapshots that were made from it stay.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        detach_triggers(tx, id).await?;
        strip_runs(tx, "snapshot_id", id).await?;
        tx.set_where(
            "pipeline_snapshot",
            ("source_snapshot_id", Option::<Id>::None),
            [Expr::col("source_snapshot_id").eq(id)],
        )
        .await?;
        delete_row::<Self>(tx, id).await
    }
}

/// Takes what was made from a snapshot from the triggers that run it.
async fn detach_triggers(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    let made = ids_where("pipeline_snapshot", [Expr::col("source_snapshot_id").eq(id)]);
    tx.delete_where("trigger_snapshot", [Expr::col("snapshot_id").in_subquery(made)]).await?;
    Ok(())
}

async fn all_metadata(loader: &Loader<'_>, rows: &[SnapshotRow]) -> ApiResult<ById<SnapshotMetadata>> {
    let ids = rows.iter().map(|row| row.id);
    let mut query = SnapshotDetails::all();
    query.and_where(Expr::col("id").in_ids(ids.clone()));
    let details: Vec<SnapshotDetails> = loader.store.fetch_all(&query).await?;
    let mut steps = step_configurations(loader, ids.collect()).await?;
    let by_id: ById<&SnapshotRow> = rows.iter().map(|row| (row.id, row)).collect();
    let metadata = |details: SnapshotDetails| {
        let row = by_id.get(&details.id)?;
        let steps = steps.remove(&row.id).unwrap_or_default();
        Some((row.id, hydrated(row, details, steps)))
    };
    Ok(details.into_iter().filter_map(metadata).collect())
}

fn hydrated(
    row: &SnapshotRow,
    details: SnapshotDetails,
    steps: Vec<(String, StoredStep)>,
) -> SnapshotMetadata {
    let pipeline = object(details.pipeline_configuration.0.get());
    let step_configurations =
        steps.into_iter().map(|(name, step)| (name, step.merged(&pipeline, row.body.is_dynamic))).collect();
    SnapshotMetadata {
        texts: details.metadata,
        pipeline_configuration: details.pipeline_configuration,
        step_configurations,
        client_environment: without_packages(&details.client_environment),
        references: row.metadata.clone(),
        config_template: None,
        config_schema: None,
    }
}

/// An environment without its long list of Python packages.
pub(crate) fn without_packages(environment: &JsonText) -> Object {
    let mut environment = object(environment.0.get());
    environment.shift_remove("python_packages");
    environment
}

async fn all_resources(loader: &Loader<'_>, rows: &[SnapshotRow]) -> ApiResult<ById<SnapshotResources>> {
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let latest = answers::latest_runs(loader, &ids).await?;
    let users = rows.iter().map(|row| row.body.user_id).chain(latest.values().map(|run| run.user_id));
    let (users, pipelines, stacks, builds, schedules, references) = try_join!(
        loader.users(users),
        loader.embed::<PipelineRow>(rows.iter().map(|row| Some(row.body.pipeline_id))),
        loader.embed::<StackRow>(rows.iter().map(|row| row.stack_id)),
        loader.embed::<BuildRow>(rows.iter().map(|row| row.build_id)),
        loader.embed::<ScheduleRow>(rows.iter().map(|row| row.schedule_id)),
        loader.embed::<CodeReferenceRow>(rows.iter().map(|row| row.code_reference_id)),
    )?;
    let (mut deployments, mut tags, mut shown) = try_join!(
        deployments::of_snapshots(loader, &ids),
        loader.tags(&ids),
        curated_visualizations::of_things(loader, "pipeline_snapshot", &ids),
    )?;
    let resources = |row: &SnapshotRow| {
        let run: Option<&LatestRun> = latest.get(&row.id);
        let resources = SnapshotResources {
            user: pick(&users, row.body.user_id),
            pipeline: pipelines.get(&row.body.pipeline_id).cloned(),
            stack: pick(&stacks, row.stack_id),
            build: pick(&builds, row.build_id),
            schedule: pick(&schedules, row.schedule_id),
            code_reference: pick(&references, row.code_reference_id),
            deployment: deployments.remove(&row.id),
            tags: tags.remove(&row.id).unwrap_or_default(),
            latest_run_id: run.map(|run| run.id),
            latest_run_status: run.map(|run| run.status.clone()),
            latest_run_user: pick(&users, run.and_then(|run| run.user_id)),
            visualizations: shown.remove(&row.id).unwrap_or_default(),
        };
        (row.id, resources)
    };
    Ok(rows.iter().map(resources).collect())
}

/// One snapshot; `step_configuration_filter` leaves some of its steps alone.
async fn get_snapshot(cx: Context, PathId(id): PathId, mut query: QueryParams) -> Answer<SnapshotRow> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    let with_schema = query.flag("include_config_schema").unwrap_or(false);
    query.finish()?;
    let steps: HashSet<&str> = query.texts("step_configuration_filter").collect();
    let Json(mut answer) = cx.answer_with::<SnapshotRow>(id, hydrate).await?;
    if let Some(metadata) = answer.metadata.as_mut().filter(|_| !steps.is_empty()) {
        metadata.step_configurations.retain(|name, _| steps.contains(name.as_str()));
    }
    if let Some(metadata) = answer.metadata.as_mut().filter(|_| with_schema)
        && let Some(made) = run_configuration::of_snapshots(&cx.read(true), &[id]).await?.remove(&id)
    {
        metadata.config_template = Some(made.template);
        metadata.config_schema = Some(made.schema);
    }
    Ok(Json(answer))
}
