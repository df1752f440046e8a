//! What steps take in and give out.

use std::sync::Arc;

use indexmap::IndexMap;
use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::Serialize;
use sqlx_macros::FromRow;
use tokio::try_join;

use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::framework::{ById, Loader, ResponseOf, require};
use crate::http::error::ApiResult;
use crate::lookups::note_used;
use crate::store::{Id, InIds, Insert, JoinById, Transaction, fields};

type Version = Arc<ResponseOf<ArtifactVersionRow>>;
/// By name.
type Inputs = IndexMap<String, Vec<StepInput>>;
type Outputs = IndexMap<String, Vec<Version>>;

/// An artifact version as a step took it in (contract schema StepRunInputResponse).
#[derive(Debug, Serialize)]
pub(crate) struct StepInput {
    #[serde(flatten)]
    version: Version,
    #[serde(flatten)]
    link: InputLink,
}

#[derive(Debug, FromRow, Serialize)]
struct InputLink {
    #[serde(skip)]
    step_id: Id,
    #[serde(skip)]
    artifact_id: Id,
    #[serde(skip)]
    name: String,
    #[serde(rename = "input_type")]
    r#type: String,
    #[serde(rename = "index")]
    input_index: i32,
    chunk_index: Option<i32>,
    chunk_size: Option<i32>,
}

/// The inputs and outputs of each step, by name.
pub(super) async fn load(loader: &Loader<'_>, steps: &[Id]) -> ApiResult<(ById<Inputs>, ById<Outputs>)> {
    let inputs = Sql::select()
        .columns(["step_id", "artifact_id", "name", "type", "input_index", "chunk_index", "chunk_size"])
        .from("step_run_input_artifact")
        .and_where(Expr::col("step_id").in_ids(steps.iter().copied()))
        .order_by("input_index", Order::Asc)
        .to_owned();
    let outputs = Sql::select()
        .columns(["step_id", "artifact_id", "name"].map(|column| ("step_run_output_artifact", column)))
        .from("step_run_output_artifact")
        .join_by_id("artifact_version", ("step_run_output_artifact", "artifact_id"))
        .and_where(Expr::col("step_id").in_ids(steps.iter().copied()))
        .order_by(("artifact_version", "created"), Order::Asc)
        .to_owned();
    let (inputs, outputs) = try_join!(
        loader.store.fetch_all::<InputLink>(&inputs),
        loader.store.fetch_all::<(Id, Id, String)>(&outputs),
    )?;
    let ids = inputs.iter().map(|link| link.artifact_id).chain(outputs.iter().map(|(_, id, _)| *id));
    let versions = loader.embed::<ArtifactVersionRow>(ids.map(Some)).await?;
    let (mut taken, mut given) = (ById::<Inputs>::new(), ById::<Outputs>::new());
    for link in inputs {
        if let Some(version) = versions.get(&link.artifact_id) {
            let version = Arc::clone(version);
            let of_step = taken.entry(link.step_id).or_default();
            of_step.entry(link.name.clone()).or_default().push(StepInput { version, link });
        }
    }
    for (step, id, name) in outputs {
        if let Some(version) = versions.get(&id) {
            given.entry(step).or_default().entry(name).or_default().push(Arc::clone(version));
        }
    }
    Ok((taken, given))
}

/// How an artifact came to a step (contract schema StepRunInputArtifactType).
#[derive(Debug, Clone)]
pub(super) struct NewInput<'a> {
    pub name: &'a str,
    pub artifact: Id,
    /// `step_output`, `manual`, `external`, `lazy` or `override`.
    pub kind: &'a str,
    pub index: i32,
    pub chunk_index: Option<i32>,
    pub chunk_size: Option<i32>,
}

impl<'a> NewInput<'a> {
    /// One that the step itself loaded.
    pub(super) fn loaded(name: &'a str, artifact: Id) -> Self {
        Self { name, artifact, kind: "manual", index: 0, chunk_index: None, chunk_size: None }
    }
}

/// Notes what a step takes in. Loading something twice is loading it once.
///
/// # Errors
/// 404 for an artifact version that isn't in the project; the store's own.
pub(super) async fn add_input(
    tx: &mut Transaction,
    step: Id,
    project: Id,
    input: &NewInput<'_>,
) -> ApiResult<()> {
    require::<ArtifactVersionRow>(tx, Some(input.artifact), project).await?;
    let same = Sql::select()
        .column("step_id")
        .from("step_run_input_artifact")
        .and_where(Expr::col("step_id").eq(step))
        .and_where(Expr::col("artifact_id").eq(input.artifact))
        .and_where(Expr::col("name").eq(input.name))
        .and_where(Expr::col("input_index").eq(input.index))
        .to_owned();
    if tx.fetch_optional::<(Id,)>(&same).await?.is_some() {
        return Ok(());
    }
    Insert::into("step_run_input_artifact")
        .set("step_id", step)
        .set("artifact_id", input.artifact)
        .set("name", input.name)
        .set("type", input.kind)
        .set("input_index", input.index)
        .set_all(fields!(input; chunk_index, chunk_size))
        .run(tx)
        .await?;
    note_used(tx, input.artifact).await?;
    Ok(())
}

/// Notes what a step gives out.
///
/// # Errors
/// 404 for an artifact version that isn't in the project; the store's own.
pub(super) async fn add_outputs(
    tx: &mut Transaction,
    step: Id,
    project: Id,
    outputs: &IndexMap<String, Vec<Id>>,
) -> ApiResult<()> {
    let links: Vec<(&String, Id)> =
        outputs.iter().flat_map(|(name, ids)| ids.iter().map(move |id| (name, *id))).collect();
    for (name, artifact) in links {
        require::<ArtifactVersionRow>(tx, Some(artifact), project).await?;
        let same = Sql::select()
            .column("step_id")
            .from("step_run_output_artifact")
            .and_where(Expr::col("step_id").eq(step))
            .and_where(Expr::col("artifact_id").eq(artifact))
            .to_owned();
        if tx.fetch_optional::<(Id,)>(&same).await?.is_none() {
            Insert::into("step_run_output_artifact")
                .set("step_id", step)
                .set("artifact_id", artifact)
                .set("name", name.as_str())
                .run(tx)
                .await?;
            note_used(tx, artifact).await?;
        }
    }
    Ok(())
}
