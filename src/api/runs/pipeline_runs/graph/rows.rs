//! What a run's graph is drawn from.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use serde_json::value::RawValue;
use sqlx_macros::FromRow;

use crate::api::artifacts::artifact_versions::{ArtifactType, SaveType};
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::pipeline_runs::RunRow;
use crate::api::runs::run_wait_conditions::{ConditionStatus, ConditionType, Resolution};
use crate::api::runs::step_configuration::{Object, StoredStep, finalize_substitutions, object, value};
use crate::framework::{ById, Loader, grouped};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, InIds, JoinById, JsonText, Stored, Timestamp, Word, row};

/// Everything that the store says about a run's steps.
pub(super) struct Drawn {
    /// As the pipeline has them, by name.
    pub steps: IndexMap<String, StoredStep>,
    /// The substitutions of the pipeline.
    pub substitutions: Object,
    /// The last try of each step that has begun, by name.
    pub begun: IndexMap<String, StepOfRun>,
    pub inputs: ById<Vec<Input>>,
    pub outputs: ById<Vec<Output>>,
    pub metadata: ById<BTreeMap<String, Arc<RawValue>>>,
    pub conditions: Vec<Condition>,
    /// Runs that a step started, by the step.
    pub triggered: ById<Vec<OtherRun>>,
    pub children: Vec<OtherRun>,
}

row! {
    pub struct StepOfRun in "step_run" {
        pub id: Id,
        pub name: String,
        pub status: Word<ExecutionStatus>,
        pub start_time: Option<Timestamp>,
        pub end_time: Option<Timestamp>,
    }
}

/// An artifact version as a step took it in.
#[derive(Debug, FromRow)]
pub(super) struct Input {
    step_id: Id,
    pub name: String,
    pub artifact_id: Id,
    pub kind: String,
    pub input_index: i32,
    pub chunk_index: Option<i32>,
    pub chunk_size: Option<i32>,
    pub r#type: Word<ArtifactType>,
    pub data_type: JsonText,
    pub save_type: Word<SaveType>,
}

/// An artifact version as a step gave it out.
#[derive(Debug, FromRow)]
pub(super) struct Output {
    step_id: Id,
    pub name: String,
    pub artifact_id: Id,
    pub r#type: Word<ArtifactType>,
    pub data_type: JsonText,
    pub save_type: Word<SaveType>,
}

row! {
    pub struct Condition in "run_wait_condition" {
        pub id: Id,
        pub name: String,
        pub status: Word<ConditionStatus>,
        pub r#type: Word<ConditionType>,
        pub created: Timestamp,
        pub resolution: Option<Word<Resolution>>,
        pub question: Option<String>,
        pub resolved_at: Option<Timestamp>,
    }
}

row! {
    pub struct OtherRun in "pipeline_run" {
        triggered_by: Option<Id>,
        pub id: Id,
        pub name: String,
        pub status: Word<ExecutionStatus>,
        pub index: i32,
        pub start_time: Option<Timestamp>,
        pub end_time: Option<Timestamp>,
    }
}

/// Loads what the graph of a run shows, with the metadata of its steps under these keys.
///
/// # Errors
/// 400 for a run without a snapshot; the store's own.
pub(super) async fn load(loader: &Loader<'_>, run: &RunRow, keys: &[&str]) -> ApiResult<Drawn> {
    let snapshot = Sql::select()
        .columns(["id", "pipeline_configuration", "is_dynamic"])
        .from("pipeline_snapshot")
        .and_where(Expr::col("id").eq(run.snapshot_id))
        .to_owned();
    let snapshot: Option<(Id, String, bool)> = loader.store.fetch_optional(&snapshot).await?;
    let Some((snapshot, configuration, is_dynamic)) = snapshot else {
        return Err(ApiError::value("A run without a snapshot has no graph."));
    };
    let mut pipeline = object(&configuration);
    finalize_substitutions(&mut pipeline, run.start_time.unwrap_or(run.body.created));
    let begun = begun(loader, run.id).await?;
    let ids: Vec<Id> = begun.iter().map(|step| step.id).collect();
    let steps = match is_dynamic {
        true => configurations(loader, "step_run_id", &ids).await?,
        false => configurations(loader, "snapshot_id", &[snapshot]).await?,
    };
    let mut metadata =
        if keys.is_empty() { ById::new() } else { loader.run_metadata("step_run", &ids).await? };
    let wanted: HashSet<&str> = keys.iter().copied().collect();
    for logged in metadata.values_mut() {
        logged.retain(|key, _| wanted.contains(key.as_str()));
    }
    metadata.retain(|_, logged| !logged.is_empty());
    let (inputs, outputs) = (inputs(loader, &ids).await?, outputs(loader, &ids).await?);
    Ok(Drawn {
        steps,
        substitutions: value(&pipeline, "substitutions").unwrap_or_default(),
        inputs: grouped(inputs.into_iter().map(|input| (input.step_id, input))),
        outputs: grouped(outputs.into_iter().map(|output| (output.step_id, output))),
        metadata,
        conditions: conditions(loader, run.id).await?,
        triggered: triggered(loader, &ids).await?,
        children: loader
            .store
            .fetch_all(other_runs().and_where(Expr::col("parent_run_id").eq(run.id)))
            .await?,
        begun: begun.into_iter().map(|step| (step.name.clone(), step)).collect(),
    })
}

async fn begun(loader: &Loader<'_>, run: Id) -> ApiResult<Vec<StepOfRun>> {
    let query = StepOfRun::all()
        .and_where(Expr::col("pipeline_run_id").eq(run))
        .and_where(Expr::col("status").ne("retried"))
        .order_by("created", Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    Ok(loader.store.fetch_all(&query).await?)
}

/// Steps as they were compiled, of a snapshot or of steps that came up at run time.
async fn configurations(
    loader: &Loader<'_>,
    owner: &'static str,
    owners: &[Id],
) -> ApiResult<IndexMap<String, StoredStep>> {
    let query = Sql::select()
        .columns(["name", "config"])
        .from("step_configuration")
        .order_by("index", Order::Asc)
        .order_by("created", Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    let rows: Vec<(String, String)> = loader.store.fetch_looked_up(&query, owner, owners).await?;
    let readable = |(name, config): (String, String)| Some((name, serde_json::from_str(&config).ok()?));
    Ok(rows.into_iter().filter_map(readable).collect())
}

async fn inputs(loader: &Loader<'_>, steps: &[Id]) -> ApiResult<Vec<Input>> {
    let link = |column: &'static str| ("step_run_input_artifact", column);
    let mut query = Sql::select();
    query
        .columns(["step_id", "name", "artifact_id", "input_index", "chunk_index", "chunk_size"].map(link))
        .expr_as(Expr::col(link("type")), "kind")
        .order_by(link("name"), Order::Asc)
        .order_by(link("input_index"), Order::Asc);
    Ok(loader.store.fetch_all(versions(&mut query, "step_run_input_artifact", steps)).await?)
}

async fn outputs(loader: &Loader<'_>, steps: &[Id]) -> ApiResult<Vec<Output>> {
    let link = |column: &'static str| ("step_run_output_artifact", column);
    let mut query = Sql::select();
    query.columns(["step_id", "name", "artifact_id"].map(link)).order_by(link("name"), Order::Asc);
    Ok(loader.store.fetch_all(versions(&mut query, "step_run_output_artifact", steps)).await?)
}

/// With what the linked artifact versions are.
fn versions<'q>(
    query: &'q mut SelectStatement,
    links: &'static str,
    steps: &[Id],
) -> &'q mut SelectStatement {
    query
        .columns(["type", "data_type", "save_type"].map(|column| ("artifact_version", column)))
        .from(links)
        .join_by_id("artifact_version", (links, "artifact_id"))
        .and_where(Expr::col((links, "step_id")).in_ids(steps.iter().copied()))
}

async fn conditions(loader: &Loader<'_>, run: Id) -> ApiResult<Vec<Condition>> {
    let query = Condition::all()
        .and_where(Expr::col("run_id").eq(run))
        .order_by("created", Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    Ok(loader.store.fetch_all(&query).await?)
}

fn other_runs() -> SelectStatement {
    OtherRun::all().order_by("created", Order::Asc).order_by("id", Order::Asc).to_owned()
}

async fn triggered(loader: &Loader<'_>, steps: &[Id]) -> ApiResult<ById<Vec<OtherRun>>> {
    let mut query = other_runs();
    query.and_where(Expr::col("triggered_by_type").eq("step_run"));
    let runs: Vec<OtherRun> = loader.store.fetch_looked_up(&query, "triggered_by", steps).await?;
    Ok(grouped(runs.into_iter().filter_map(|run| Some((run.triggered_by?, run)))))
}
