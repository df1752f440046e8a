//! What a snapshot can be run with: a template of the run's configuration, and the JSON Schema that it has to fit. Both
//! are there for snapshots whose images were built for a stack.

mod schema;
mod template;

use std::sync::Arc;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde_json::value::RawValue;
use sqlx_macros::FromRow;

use super::pipeline_snapshots::step_configurations;
use super::step_configuration::{MergedStep, Object, object};
use crate::api::stacks::flavors::components_with_flavors;
use crate::framework::{ById, Loader};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, InIds, JoinById, JsonText};

/// Steps whose configuration one answer describes, each with some kilobytes: as many as a snapshot has at most.
const MOST_STEPS: usize = 5_000;

/// How a snapshot can be configured.
#[derive(Debug, Clone)]
pub(crate) struct RunConfiguration {
    pub template: Arc<RawValue>,
    pub schema: Arc<RawValue>,
}

#[derive(Debug, FromRow)]
struct SnapshotOfStack {
    id: Id,
    is_dynamic: bool,
    run_name_template: String,
    pipeline_configuration: JsonText,
    stack_id: Id,
}

/// A component of the stack that the images were built for.
#[derive(Debug, FromRow)]
struct Component {
    stack_id: Id,
    name: String,
    r#type: String,
    flavor: String,
    config_schema: JsonText,
    is_custom: bool,
}

/// A snapshot with all that its configuration is made of.
struct Configurable<'a> {
    is_dynamic: bool,
    run_name_template: &'a str,
    pipeline: &'a Object,
    steps: &'a IndexMap<String, MergedStep>,
    components: Vec<&'a Component>,
}

/// The configurations of these snapshots. When they have very many steps together, the last ones go without.
///
/// # Errors
/// The store's own.
pub(crate) async fn of_snapshots(loader: &Loader<'_>, ids: &[Id]) -> ApiResult<ById<RunConfiguration>> {
    let snapshots = snapshots(loader, ids).await?;
    let components = components(loader, snapshots.iter().map(|snapshot| snapshot.stack_id)).await?;
    let ids = snapshots.iter().map(|snapshot| snapshot.id).collect();
    let mut steps = step_configurations(loader, ids).await?;
    let mut all = ById::new();
    let mut left = MOST_STEPS;
    for snapshot in snapshots {
        let steps = steps.remove(&snapshot.id).unwrap_or_default();
        let Some(fewer) = left.checked_sub(steps.len()) else { continue };
        left = fewer;
        let pipeline = object(snapshot.pipeline_configuration.0.get());
        let steps = steps
            .into_iter()
            .map(|(name, step)| (name, step.merged(&pipeline, snapshot.is_dynamic)))
            .collect();
        let configurable = Configurable {
            is_dynamic: snapshot.is_dynamic,
            run_name_template: &snapshot.run_name_template,
            pipeline: &pipeline,
            steps: &steps,
            components: components.iter().filter(|of| of.stack_id == snapshot.stack_id).collect(),
        };
        all.insert(snapshot.id, configurable.configuration().map_err(unwritable)?);
    }
    Ok(all)
}

fn unwritable(error: serde_json::Error) -> ApiError {
    tracing::error!(%error, "a snapshot's configuration could not be described");
    ApiError::internal()
}

async fn snapshots(loader: &Loader<'_>, ids: &[Id]) -> ApiResult<Vec<SnapshotOfStack>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = Sql::select()
        .columns(
            ["id", "is_dynamic", "run_name_template", "pipeline_configuration"]
                .map(|column| ("pipeline_snapshot", column)),
        )
        .column(("pipeline_build", "stack_id"))
        .from("pipeline_snapshot")
        .join_by_id("pipeline_build", ("pipeline_snapshot", "build_id"))
        .and_where(Expr::col(("pipeline_snapshot", "id")).in_ids(ids.iter().copied()))
        .and_where(Expr::col(("pipeline_build", "stack_id")).is_not_null())
        .to_owned();
    Ok(loader.store.fetch_all(&query).await?)
}

async fn components(loader: &Loader<'_>, stacks: impl Iterator<Item = Id>) -> ApiResult<Vec<Component>> {
    let mut stacks: Vec<Id> = stacks.collect();
    stacks.sort_unstable();
    stacks.dedup();
    if stacks.is_empty() {
        return Ok(Vec::new());
    }
    let query = components_with_flavors()
        .column(("stack_composition", "stack_id"))
        .columns(["name", "type", "flavor"].map(|column| ("stack_component", column)))
        .columns(["config_schema", "is_custom"].map(|column| ("flavor", column)))
        .and_where(Expr::col(("stack_composition", "stack_id")).in_ids(stacks))
        .order_by(("stack_component", "type"), Order::Asc)
        .order_by(("stack_component", "name"), Order::Asc)
        .to_owned();
    Ok(loader.store.fetch_all(&query).await?)
}

impl Configurable<'_> {
    fn configuration(&self) -> serde_json::Result<RunConfiguration> {
        let shared = |json: String| RawValue::from_string(json).map(Arc::from);
        Ok(RunConfiguration { template: shared(self.template())?, schema: shared(self.schema()?)? })
    }
}
