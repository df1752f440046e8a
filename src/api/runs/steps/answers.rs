//! What a page of steps needs from other tables.

use std::collections::{BTreeMap, HashSet};

use sea_query::{Expr, ExprTrait, Query as Sql};
use sqlx_macros::FromRow;
use tokio::try_join;

use super::{StepMetadata, StepReferences, StepResources, StepRow, artifacts};
use crate::api::models::model_versions::ModelVersionRow;
use crate::api::runs::pipeline_runs::logs_of;
use crate::api::runs::step_configuration::{
    MergedStep, Object, Outline, StoredStep, finalize_substitutions, handed_down, object, value,
};
use crate::framework::{ById, Loader, Logged, pick};
use crate::http::error::ApiResult;
use crate::store::{Id, InIds, JoinById, JsonText, Timestamp};

/// What steps take over from their pipeline: of a snapshot, and of a run's start.
#[derive(Debug, FromRow)]
struct PipelineOfRun {
    run_id: Id,
    start_time: Option<Timestamp>,
    created: Timestamp,
    is_dynamic: bool,
    pipeline_configuration: String,
}

/// What a step is configured to do, as far as its answer shows it.
pub(super) struct Configuration {
    pub outline: Outline,
    /// When metadata is wanted.
    pub whole: Option<MergedStep>,
}

impl Configuration {
    fn outline(stored: &str, pipeline: &Object) -> serde_json::Result<Self> {
        let inherited = pipeline.get("substitutions").map(|json| &**json);
        Ok(Self { outline: Outline::read(stored, inherited)?, whole: None })
    }

    fn whole(stored: &str, (pipeline, is_dynamic): &(Object, bool), name: &str) -> serde_json::Result<Self> {
        let step = serde_json::from_str::<StoredStep>(stored)?.merged(pipeline, *is_dynamic);
        let step = without_overridden(step, pipeline, name);
        Ok(Self { outline: Outline::of(&step), whole: Some(step) })
    }
}

/// The configuration of each step that has one, with what it takes over from its pipeline.
pub(super) async fn configurations(loader: &Loader<'_>, rows: &[StepRow]) -> ApiResult<ById<Configuration>> {
    if rows.is_empty() {
        return Ok(ById::new());
    }
    let runs: HashSet<Id> = rows.iter().map(|row| row.metadata.pipeline_run_id).collect();
    let (pipelines, compiled) =
        try_join!(pipelines_of(loader, runs.into_iter().collect()), compiled_configurations(loader, rows))?;
    let nothing = (Object::new(), false);
    let pipeline = |row: &StepRow| pipelines.get(&row.metadata.pipeline_run_id).unwrap_or(&nothing);
    let compiled = |row: &StepRow| compiled.get(&(row.metadata.snapshot_id?, row.name.clone()));
    // The others were all compiled.
    let may_have_own = |row: &&StepRow| pipeline(row).1 || compiled(row).is_none();
    let may_have_own: Vec<Id> = rows.iter().filter(may_have_own).map(|row| row.id).collect();
    let own = own_configurations(loader, &may_have_own).await?;
    let mut configurations = ById::new();
    for row in rows {
        let Some(stored) = own.get(&row.id).or_else(|| compiled(row)) else { continue };
        let pipeline = pipeline(row);
        let configuration = match loader.metadata {
            true => Configuration::whole(stored, pipeline, &row.name),
            false => Configuration::outline(stored, &pipeline.0),
        };
        configurations.extend(configuration.ok().map(|configuration| (row.id, configuration)));
    }
    Ok(configurations)
}

async fn pipelines_of(loader: &Loader<'_>, runs: Vec<Id>) -> ApiResult<ById<(Object, bool)>> {
    let query = Sql::select()
        .expr_as(Expr::col(("pipeline_run", "id")), "run_id")
        .columns(["start_time", "created"].map(|column| ("pipeline_run", column)))
        .columns(["is_dynamic", "pipeline_configuration"].map(|column| ("pipeline_snapshot", column)))
        .from("pipeline_run")
        .join_by_id("pipeline_snapshot", ("pipeline_run", "snapshot_id"))
        .and_where(Expr::col(("pipeline_run", "id")).in_ids(runs))
        .to_owned();
    let rows: Vec<PipelineOfRun> = loader.store.fetch_all(&query).await?;
    let configuration = |row: PipelineOfRun| {
        let (stored, start) = (&row.pipeline_configuration, row.start_time.unwrap_or(row.created));
        let configuration = match loader.metadata {
            true => {
                let mut configuration = object(stored);
                finalize_substitutions(&mut configuration, start);
                configuration
            }
            false => handed_down(stored, start),
        };
        (row.run_id, (configuration, row.is_dynamic))
    };
    Ok(rows.into_iter().map(configuration).collect())
}

/// Configurations of steps that came up at run time, and of steps of older versions of ZenML.
async fn own_configurations(loader: &Loader<'_>, steps: &[Id]) -> ApiResult<ById<String>> {
    let dynamic = Sql::select().columns(["step_run_id", "config"]).from("step_configuration").to_owned();
    let dynamic: Vec<(Id, String)> = loader.store.fetch_looked_up(&dynamic, "step_run_id", steps).await?;
    Ok(dynamic.into_iter().collect())
}

/// Configurations by snapshot and name.
async fn compiled_configurations(
    loader: &Loader<'_>,
    rows: &[StepRow],
) -> ApiResult<BTreeMap<(Id, String), String>> {
    let snapshots: HashSet<Id> = rows.iter().filter_map(|row| row.metadata.snapshot_id).collect();
    let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let query = Sql::select()
        .columns(["snapshot_id", "name", "config"])
        .from("step_configuration")
        .and_where(Expr::col("snapshot_id").in_ids(snapshots))
        .and_where(Expr::col("name").is_in(names))
        .to_owned();
    let rows: Vec<(Id, String, String)> = loader.store.fetch_all(&query).await?;
    Ok(rows.into_iter().map(|(snapshot, name, config)| ((snapshot, name), config)).collect())
}

/// Parameters that a replayed run overrides with artifacts are not the step's any more.
fn without_overridden(mut step: MergedStep, pipeline: &Object, invocation: &str) -> MergedStep {
    let name: String = step.value("name").unwrap_or_default();
    let overrides = |key: &str, of: &str| {
        let all: Object = value(pipeline, key).unwrap_or_default();
        value::<Object>(&all, of).unwrap_or_default()
    };
    let mut shadowed = overrides("step_default_input_overrides", &name);
    shadowed.extend(overrides("step_input_overrides", invocation));
    if shadowed.is_empty() {
        return step;
    }
    let mut parameters: Object = step.value("parameters").unwrap_or_default();
    parameters.retain(|parameter, _| !shadowed.contains_key(parameter));
    if let Ok(json) = serde_json::value::to_raw_value(&parameters) {
        step.config.insert("parameters".to_owned(), json);
    }
    step
}

/// The long columns of a step, its parents and metadata, which only hydrated answers need.
#[derive(Debug, FromRow)]
pub(super) struct Details {
    id: Id,
    docstring: Option<String>,
    source_code: Option<String>,
    exception_info: Option<JsonText>,
    #[sqlx(skip)]
    parents: Vec<Id>,
    #[sqlx(skip)]
    run_metadata: Logged,
}

impl Details {
    pub(super) fn metadata(
        self,
        references: StepReferences,
        configuration: Option<MergedStep>,
    ) -> StepMetadata {
        let (config, spec) = match configuration {
            Some(step) => (step.config, Some(step.spec)),
            None => (Object::new(), None),
        };
        StepMetadata {
            references,
            config,
            spec,
            docstring: self.docstring,
            source_code: self.source_code,
            exception_info: self.exception_info,
            parent_step_ids: self.parents,
            run_metadata: self.run_metadata,
        }
    }
}

/// What hydrated answers need of each step; nothing when it isn't wanted.
pub(super) async fn details(loader: &Loader<'_>, rows: &[StepRow]) -> ApiResult<ById<Details>> {
    if !loader.metadata || rows.is_empty() {
        return Ok(ById::new());
    }
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let query = Sql::select()
        .columns(["id", "docstring", "source_code", "exception_info"])
        .from("step_run")
        .and_where(Expr::col("id").in_ids(ids.iter().copied()))
        .to_owned();
    let parents = Sql::select()
        .columns(["child_id", "parent_id"])
        .from("step_run_parents")
        .and_where(Expr::col("child_id").in_ids(ids.iter().copied()))
        .to_owned();
    let (details, parents, logged) = try_join!(
        async { Ok(loader.store.fetch_all::<Details>(&query).await?) },
        async { Ok(loader.store.fetch_all::<(Id, Id)>(&parents).await?) },
        loader.run_metadata("step_run", &ids),
    )?;
    let mut details: ById<Details> = details.into_iter().map(|details| (details.id, details)).collect();
    for (child, parent) in parents {
        if let Some(details) = details.get_mut(&child) {
            details.parents.push(parent);
        }
    }
    for (id, run_metadata) in logged {
        if let Some(details) = details.get_mut(&id) {
            details.run_metadata = run_metadata;
        }
    }
    Ok(details)
}

/// What each step is related to; nothing when it isn't wanted.
pub(super) async fn resources(loader: &Loader<'_>, rows: &[StepRow]) -> ApiResult<ById<StepResources>> {
    if !loader.resources || rows.is_empty() {
        return Ok(ById::new());
    }
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let (users, models, mut logs, (mut inputs, mut outputs)) = try_join!(
        loader.users(rows.iter().map(|row| row.body.user_id)),
        loader.embed::<ModelVersionRow>(rows.iter().map(|row| row.body.model_version_id)),
        logs_of(loader, "step_run_id", |log| log.metadata.step_run_id, &ids),
        artifacts::load(loader, &ids),
    )?;
    let one = |row: &StepRow| {
        let resources = StepResources {
            user: pick(&users, row.body.user_id),
            log_collection: logs.remove(&row.id).unwrap_or_default(),
            model_version: pick(&models, row.body.model_version_id),
            inputs: inputs.remove(&row.id).unwrap_or_default(),
            outputs: outputs.remove(&row.id).unwrap_or_default(),
            resource_request: None,
        };
        (row.id, resources)
    };
    Ok(rows.iter().map(one).collect())
}
