//! What a page of runs needs from other tables.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde_json::value::RawValue;
use sqlx_macros::FromRow;
use tokio::try_join;

use super::{RunMetadata, RunResources, RunRow, TriggerInfo};
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::api::artifacts::curated_visualizations;
use crate::api::models::model_versions::ModelVersionRow;
use crate::api::runs::code_references::CodeReferenceRow;
use crate::api::runs::logs::LogsRow;
use crate::api::runs::pipeline_builds::BuildRow;
use crate::api::runs::pipeline_snapshots::{SnapshotRow, without_packages};
use crate::api::runs::pipelines::PipelineRow;
use crate::api::runs::run_wait_conditions::WaitConditionRow;
use crate::api::runs::schedules::ScheduleRow;
use crate::api::runs::step_configuration::{Object, finalize_substitutions, object};
use crate::api::stacks::stacks::StackRow;
use crate::framework::{ById, Loader, Resource, ResponseOf, pick};
use crate::http::error::ApiResult;
use crate::store::{Id, InIds, JoinById, JsonText};

/// The long columns of a run and of its snapshot, which only hydrated answers need.
#[derive(Debug, FromRow)]
struct Details {
    id: Id,
    orchestrator_environment: Option<JsonText>,
    exception_info: Option<JsonText>,
    own_configuration: Option<JsonText>,
    own_environment: Option<JsonText>,
    pipeline_configuration: Option<JsonText>,
    client_environment: Option<JsonText>,
    code_path: Option<String>,
    template_id: Option<Id>,
    /// Of the build, if there is one.
    is_local: Option<bool>,
    build_stack_id: Option<Id>,
}

/// The metadata of each run; nothing when it isn't wanted.
pub(super) async fn metadata(loader: &Loader<'_>, rows: &[RunRow]) -> ApiResult<ById<RunMetadata>> {
    if !loader.metadata || rows.is_empty() {
        return Ok(ById::new());
    }
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let run = |column: &'static str| Expr::col(("pipeline_run", column));
    let query = Sql::select()
        .columns(["id", "orchestrator_environment", "exception_info"].map(|column| ("pipeline_run", column)))
        .expr_as(run("pipeline_configuration"), "own_configuration")
        .expr_as(run("client_environment"), "own_environment")
        .columns(
            ["pipeline_configuration", "client_environment", "code_path", "template_id"]
                .map(|column| ("pipeline_snapshot", column)),
        )
        .column(("pipeline_build", "is_local"))
        .expr_as(Expr::col(("pipeline_build", "stack_id")), "build_stack_id")
        .from("pipeline_run")
        .left_join(
            "pipeline_snapshot",
            Expr::col(("pipeline_snapshot", "id")).equals(("pipeline_run", "snapshot_id")),
        )
        .left_join(
            "pipeline_build",
            Expr::col(("pipeline_build", "id")).equals(("pipeline_snapshot", "build_id")),
        )
        .and_where(run("id").in_ids(ids.iter().copied()))
        .to_owned();
    let details: Vec<Details> = loader.store.fetch_all(&query).await?;
    let mut logged = loader.run_metadata("pipeline_run", &ids).await?;
    let by_id: ById<&RunRow> = rows.iter().map(|row| (row.id, row)).collect();
    let one = |details: Details| {
        let row = by_id.get(&details.id)?;
        let run_metadata = logged.remove(&row.id).unwrap_or_default();
        Some((row.id, RunMetadata { run_metadata, ..hydrated(row, details) }))
    };
    Ok(details.into_iter().filter_map(one).collect())
}

fn hydrated(row: &RunRow, details: Details) -> RunMetadata {
    let environment = |json: Option<JsonText>| json.as_ref().map(without_packages).unwrap_or_default();
    let trigger_info = row.triggered_by.and_then(|by| match row.triggered_by_type.as_deref() {
        Some("step_run") => Some(TriggerInfo { step_run_id: Some(by), deployment_id: None }),
        Some("deployment") => Some(TriggerInfo { step_run_id: None, deployment_id: Some(by) }),
        _ => None,
    });
    RunMetadata {
        run_metadata: BTreeMap::new(),
        config: configuration(row, details.pipeline_configuration.or(details.own_configuration).as_ref()),
        start_time: row.start_time,
        end_time: row.end_time,
        client_environment: environment(details.client_environment.or(details.own_environment)),
        orchestrator_environment: environment(details.orchestrator_environment),
        orchestrator_run_id: row.orchestrator_run_id.clone(),
        code_path: details.code_path,
        template_id: details.template_id,
        is_templatable: details.is_local == Some(false) && details.build_stack_id.is_some(),
        trigger_info,
        enable_heartbeat: row.enable_heartbeat,
        exception_info: details.exception_info,
        trigger_execution_info: None,
    }
}

/// A run's configuration: its snapshot's, with the moment of its start.
pub(super) fn configuration(row: &RunRow, stored: Option<&JsonText>) -> Object {
    let mut configuration = stored.map(|json| object(json.0.get())).unwrap_or_default();
    finalize_substitutions(&mut configuration, row.start_time.unwrap_or(row.body.created));
    configuration
}

/// What each run is related to; nothing when it isn't wanted.
pub(super) async fn resources(loader: &Loader<'_>, rows: &[RunRow]) -> ApiResult<ById<RunResources>> {
    if !loader.resources || rows.is_empty() {
        return Ok(ById::new());
    }
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let distinct: HashSet<Id> = rows.iter().filter_map(|row| row.snapshot_id).collect();
    let snapshot_rows = loader.rows::<SnapshotRow>(distinct.into_iter().collect()).await?;
    let of_snapshot: ById<References> =
        snapshot_rows.iter().map(|row| (row.id, References::of(row))).collect();
    let sources = loader.embed::<SnapshotRow>(of_snapshot.values().map(|of| of.source)).await?;
    let snapshots = SnapshotRow::responses(&loader.embedded(), snapshot_rows).await?;
    let snapshots: ById<_> = snapshots.into_iter().map(|answer| (answer.id, Arc::new(answer))).collect();
    let references: Vec<References> = rows
        .iter()
        .map(|row| {
            row.snapshot_id.and_then(|id| of_snapshot.get(&id).copied()).unwrap_or(References::own(row))
        })
        .collect();
    let relatives = rows.iter().flat_map(|row| [row.original_run_id, row.parent_run_id]);
    let (stacks, pipelines, builds, schedules, code, models, relatives, users) = try_join!(
        loader.embed::<StackRow>(references.iter().map(|of| of.stack)),
        loader.embed::<PipelineRow>(references.iter().map(|of| of.pipeline)),
        loader.embed::<BuildRow>(references.iter().map(|of| of.build)),
        loader.embed::<ScheduleRow>(references.iter().map(|of| of.schedule)),
        loader.embed::<CodeReferenceRow>(references.iter().map(|of| of.code)),
        loader.embed::<ModelVersionRow>(rows.iter().map(|row| row.model_version_id)),
        loader.embed::<RunRow>(relatives),
        loader.users(rows.iter().map(|row| row.body.user_id)),
    )?;
    let (mut tags, mut logs, mut shown, mut waits, mut outputs) = try_join!(
        loader.tags(&ids),
        logs_of(loader, "pipeline_run_id", |log| log.metadata.pipeline_run_id, &ids),
        curated_visualizations::of_things(loader, "pipeline_run", &ids),
        pending_conditions(loader, &ids),
        outputs(loader, &ids),
    )?;
    let one = |(row, of): (&RunRow, &References)| {
        let resources = RunResources {
            user: pick(&users, row.body.user_id),
            snapshot: pick(&snapshots, row.snapshot_id),
            source_snapshot: pick(&sources, of.source),
            stack: pick(&stacks, of.stack),
            pipeline: pick(&pipelines, of.pipeline),
            build: pick(&builds, of.build),
            schedule: pick(&schedules, of.schedule),
            code_reference: pick(&code, of.code),
            model_version: pick(&models, row.model_version_id),
            tags: tags.remove(&row.id).unwrap_or_default(),
            log_collection: logs.remove(&row.id).unwrap_or_default(),
            visualizations: shown.remove(&row.id).unwrap_or_default(),
            trigger: None,
            original_run: pick(&relatives, row.original_run_id),
            parent_run: pick(&relatives, row.parent_run_id),
            active_wait_condition: waits.remove(&row.id),
            outputs: outputs.remove(&row.id).unwrap_or_default(),
        };
        (row.id, resources)
    };
    Ok(rows.iter().zip(&references).map(one).collect())
}

/// What a run's snapshot refers to; runs of older versions of ZenML say it themselves.
#[derive(Debug, Clone, Copy)]
struct References {
    pipeline: Option<Id>,
    stack: Option<Id>,
    build: Option<Id>,
    schedule: Option<Id>,
    code: Option<Id>,
    source: Option<Id>,
}

impl References {
    fn of(row: &SnapshotRow) -> Self {
        Self {
            pipeline: Some(row.body.pipeline_id),
            stack: row.stack_id,
            build: row.build_id,
            schedule: row.schedule_id,
            code: row.code_reference_id,
            source: row.metadata.source_snapshot_id,
        }
    }

    fn own(row: &RunRow) -> Self {
        Self {
            pipeline: row.body.pipeline_id,
            stack: row.stack_id,
            build: row.build_id,
            schedule: row.schedule_id,
            code: None,
            source: None,
        }
    }
}

/// The logs of each of these runs or steps, in the order they were made.
pub(crate) async fn logs_of(
    loader: &Loader<'_>,
    column: &'static str,
    owner: impl Fn(&LogsRow) -> Option<Id>,
    ids: &[Id],
) -> ApiResult<ById<Vec<Arc<ResponseOf<LogsRow>>>>> {
    let logs = LogsRow::select().order_by("created", Order::Asc).to_owned();
    let logs: Vec<LogsRow> = loader.store.fetch_looked_up(&logs, column, ids).await?;
    loader.embed_rows(logs, owner).await
}

/// The newest condition that each of these runs waits for.
async fn pending_conditions(
    loader: &Loader<'_>,
    ids: &[Id],
) -> ApiResult<ById<Arc<ResponseOf<WaitConditionRow>>>> {
    let links = Sql::select()
        .columns(["run_id", "id"])
        .from("run_wait_condition")
        .and_where(Expr::col("run_id").in_ids(ids.iter().copied()))
        .and_where(Expr::col("status").eq("pending"))
        .order_by("created", Order::Asc)
        .to_owned();
    let links: Vec<(Id, Id)> = loader.store.fetch_all(&links).await?;
    let conditions = loader.embed::<WaitConditionRow>(links.iter().map(|(_, id)| Some(*id))).await?;
    Ok(links.into_iter().filter_map(|(run, id)| Some((run, Arc::clone(conditions.get(&id)?)))).collect())
}

/// What each of these runs gave back, by name.
async fn outputs(
    loader: &Loader<'_>,
    ids: &[Id],
) -> ApiResult<ById<IndexMap<String, Arc<ResponseOf<ArtifactVersionRow>>>>> {
    let mut by_run: ById<IndexMap<String, _>> = ById::new();
    let links = Sql::select()
        .columns(["pipeline_run_id", "artifact_id", "name"])
        .from("pipeline_run_output")
        .and_where(Expr::col("pipeline_run_id").in_ids(ids.iter().copied()))
        .order_by("output_index", Order::Asc)
        .to_owned();
    let links: Vec<(Id, Id, String)> = loader.store.fetch_all(&links).await?;
    let versions = loader.embed::<ArtifactVersionRow>(links.iter().map(|(_, id, _)| Some(*id))).await?;
    for (run, id, name) in links {
        if let Some(version) = versions.get(&id) {
            by_run.entry(run).or_default().insert(name, Arc::clone(version));
        }
    }
    Ok(by_run)
}

/// Puts the lists of packages into a run's environments.
pub(super) async fn add_packages(loader: &Loader<'_>, id: Id, metadata: &mut RunMetadata) -> ApiResult<()> {
    let query = Sql::select()
        .column(("pipeline_run", "orchestrator_environment"))
        .column(("pipeline_snapshot", "client_environment"))
        .from("pipeline_run")
        .join_by_id("pipeline_snapshot", ("pipeline_run", "snapshot_id"))
        .and_where(Expr::col(("pipeline_run", "id")).eq(id))
        .to_owned();
    let found: Option<(Option<JsonText>, JsonText)> = loader.store.fetch_optional(&query).await?;
    if let Some((orchestrator, client)) = found {
        metadata.client_environment = object(client.0.get());
        metadata.orchestrator_environment = orchestrator.map(|json| object(json.0.get())).unwrap_or_default();
    }
    Ok(())
}

/// Adds the metadata of the runs' steps, as `step::key`, and of their schedules, as `schedule:key`, to what is hydrated.
pub(super) async fn add_full_metadata(
    loader: &Loader<'_>,
    answers: &mut [ResponseOf<RunRow>],
) -> ApiResult<()> {
    let runs: Vec<Id> = answers.iter().filter(|run| run.metadata.is_some()).map(|run| run.id).collect();
    if runs.is_empty() {
        return Ok(());
    }
    let mut more: ById<Vec<(String, Arc<RawValue>)>> = ById::new();
    let steps = Sql::select()
        .columns(["id", "pipeline_run_id", "name"])
        .from("step_run")
        .and_where(Expr::col("pipeline_run_id").in_ids(runs.iter().copied()))
        .and_where(Expr::col("status").ne("retried"))
        .to_owned();
    let steps: Vec<(Id, Id, String)> = loader.store.fetch_all(&steps).await?;
    let ids: Vec<Id> = steps.iter().map(|(id, ..)| *id).collect();
    let mut logged = loader.run_metadata("step_run", &ids).await?;
    for (id, run, name) in steps {
        let values = logged.remove(&id).into_iter().flatten();
        more.entry(run).or_default().extend(values.map(|(key, value)| (format!("{name}::{key}"), value)));
    }
    let schedules = Sql::select()
        .column(("pipeline_run", "id"))
        .column(("pipeline_snapshot", "schedule_id"))
        .from("pipeline_run")
        .join_by_id("pipeline_snapshot", ("pipeline_run", "snapshot_id"))
        .and_where(Expr::col(("pipeline_run", "id")).in_ids(runs))
        .and_where(Expr::col(("pipeline_snapshot", "schedule_id")).is_not_null())
        .to_owned();
    let schedules: Vec<(Id, Id)> = loader.store.fetch_all(&schedules).await?;
    let ids: Vec<Id> = schedules.iter().map(|(_, schedule)| *schedule).collect();
    let logged = loader.run_metadata("schedule", &ids).await?;
    for (run, schedule) in schedules {
        let values = logged.get(&schedule).into_iter().flatten();
        let values = values.map(|(key, value)| (format!("schedule:{key}"), Arc::clone(value)));
        more.entry(run).or_default().extend(values);
    }
    for answer in answers {
        if let Some(metadata) = &mut answer.metadata {
            metadata.run_metadata.extend(more.remove(&answer.id).into_iter().flatten());
        }
    }
    Ok(())
}
