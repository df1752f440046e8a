//! Curated visualizations: which visualization of an artifact is shown with a model, pipeline, run or the like.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::artifact_versions::ArtifactVersionRow;
use super::artifact_visualizations::VisualizationRow;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, ById, Context, Loader, NoResources, Resource, Response, ResponseOf, Routes, delete,
    find_in, get,
};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::fields::{Fields, Listed};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{ShortText, nullable};
use crate::store::{Id, InIds, Insert, Transaction, Update, Word, Words, fields, row, sent_fields};

pub(crate) const KIND: Kind = Kind::new("curated_visualizations").in_project();
const ALL: &str = "/api/v1/curated_visualizations";
const ONE: &str = "/api/v1/curated_visualizations/{visualization_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(ALL, create_visualization)
        .get(ONE, get::<CuratedVisualizationRow>)
        .put(ONE, update_visualization)
        .replayed()
        .delete(ONE, delete::<CuratedVisualizationRow>)
}

row! {
    pub struct CuratedVisualizationRow in "curated_visualization" {
        pub id: Id,
    }
    body CuratedVisualizationColumns: stamped {
        project_id: Id,
        artifact_visualization_id: Id,
        display_name: Option<String>,
        display_order: Option<i64>,
        layout_size: Word<LayoutSize>,
        resource_id: Id,
        resource_type: Word<ShownWith>,
    }
}

/// No list of them is part of the contract.
impl Listed for CuratedVisualizationRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[];
}

#[derive(Debug, Serialize)]
pub(crate) struct CuratedVisualizationBody {
    #[serde(flatten)]
    columns: CuratedVisualizationColumns,
    /// Whose it is isn't kept.
    user_id: Option<Id>,
    artifact_version_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CuratedVisualizationResources {
    /// Whose it is isn't kept.
    user: Option<()>,
    artifact_visualization: Option<Arc<ResponseOf<VisualizationRow>>>,
}

impl Resource for CuratedVisualizationRow {
    const NAME: &'static str = "curated visualization";
    type Body = CuratedVisualizationBody;
    type Metadata = NoResources;
    type Resources = CuratedVisualizationResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let shown: Vec<Id> = rows.iter().map(|row| row.body.artifact_visualization_id).collect();
        let shown = loader.rows::<VisualizationRow>(shown).await?;
        let versions: ById<Id> = shown.iter().map(|row| (row.id, row.metadata.artifact_version_id)).collect();
        let answers = VisualizationRow::responses(&loader.embedded(), shown).await?;
        let answers: ById<_> = answers.into_iter().map(|answer| (answer.id, Arc::new(answer))).collect();
        let response = |row: Self| {
            let shown = row.body.artifact_visualization_id;
            // They have their resources only where they have their metadata.
            let resources = loader.metadata(|| CuratedVisualizationResources {
                user: None,
                artifact_visualization: answers.get(&shown).cloned(),
            });
            let artifact_version_id = versions.get(&shown).copied();
            let body = CuratedVisualizationBody { columns: row.body, user_id: None, artifact_version_id };
            Response::nameless(row.id, body, loader.metadata(|| NoResources {}), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// What is shown with each of these things of one kind, in its order; for the resources of their answers.
///
/// # Errors
/// The store's own.
pub(crate) async fn of_things(
    loader: &Loader<'_>,
    kind: &'static str,
    things: &[Id],
) -> ApiResult<ById<Vec<ResponseOf<CuratedVisualizationRow>>>> {
    if !loader.resources || things.is_empty() {
        return Ok(ById::new());
    }
    let mut select = CuratedVisualizationRow::select();
    select
        .and_where(Expr::col("resource_id").in_ids(things.iter().copied()))
        .and_where(Expr::col("resource_type").eq(kind))
        .order_by("display_order", Order::Asc)
        .order_by("created", Order::Asc);
    loader.embed_with(&select, |row: &CuratedVisualizationRow| Some(row.body.resource_id)).await
}

/// What a visualization can be shown with (contract schema VisualizationResourceTypes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ShownWith {
    Deployment,
    Model,
    Pipeline,
    PipelineRun,
    PipelineSnapshot,
    Project,
}

/// How much of a page's width one takes (contract schema CuratedVisualizationSize).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LayoutSize {
    FullWidth,
    HalfWidth,
}

#[derive(Debug, Deserialize)]
struct CuratedVisualizationRequest {
    project: Id,
    artifact_visualization_id: Id,
    display_name: Option<ShortText>,
    display_order: Option<u32>,
    layout_size: Option<LayoutSize>,
    resource_id: Id,
    resource_type: ShownWith,
}

#[derive(Debug, Deserialize)]
struct CuratedVisualizationUpdate {
    #[serde(default, deserialize_with = "nullable")]
    display_name: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    display_order: Option<Option<u32>>,
    layout_size: Option<LayoutSize>,
}

modelled!(CuratedVisualizationRequest, CuratedVisualizationUpdate);

/// Shows a visualization of an artifact with something of the same project.
async fn create_visualization(
    cx: Context,
    ModelBody(request): ModelBody<CuratedVisualizationRequest>,
) -> Answer<CuratedVisualizationRow> {
    let (context, request) = (&cx, &request);
    cx.create_row::<CuratedVisualizationRow, _, _>(|mut tx| async move {
        tx.lock("curated_visualizations").await?;
        require_same_project(&mut tx, request).await?;
        let (kind, thing) = (request.resource_type.as_str(), request.resource_id);
        if let Some(order) = request.display_order {
            refuse_taken_order(&mut tx, (kind, thing), order, None).await?;
        }
        let id = context.new_id();
        let inserted = Insert::into("curated_visualization")
            .stamped(id, context.now())
            .set("project_id", request.project)
            .set_all(fields!(request; artifact_visualization_id, display_name, display_order))
            .set("layout_size", request.layout_size.unwrap_or(LayoutSize::FullWidth).as_str())
            .set("resource_id", thing)
            .set("resource_type", kind)
            .run(&mut tx)
            .await;
        let is_shown = || exists("The visualization is shown with this resource already.");
        inserted.map_err(if_duplicate(is_shown))?;
        Ok((tx, id))
    })
    .await
}

fn exists(message: impl Into<String>) -> ApiError {
    ApiError::exists(message)
}

/// The visualization's artifact and what it is to be shown with are of the project that was named.
async fn require_same_project(tx: &mut Transaction, request: &CuratedVisualizationRequest) -> ApiResult<()> {
    let shown = find_in::<VisualizationRow>(tx, request.artifact_visualization_id).await?;
    let version = find_in::<ArtifactVersionRow>(tx, shown.metadata.artifact_version_id).await?;
    let elsewhere = || ApiError::illegal("All of a curated visualization is in one project.");
    if version.body.project_id != request.project {
        return Err(elsewhere());
    }
    let (kind, id) = (request.resource_type, request.resource_id);
    let project = if kind == ShownWith::Project { "id" } else { "project_id" };
    let thing =
        Sql::select().column(project).from(kind.as_str()).and_where(Expr::col("id").eq(id)).to_owned();
    match tx.fetch_optional::<(Option<Id>,)>(&thing).await? {
        None => {
            let message = format!("\"There is no {} with the ID '{id}'.\"", kind.as_str().replace('_', " "));
            Err(ApiError::key(message))
        }
        Some((Some(project),)) if project != request.project && kind != ShownWith::Project => {
            Err(elsewhere())
        }
        Some(_) => Ok(()),
    }
}

/// Of what is shown with one thing, each has a place of its own.
async fn refuse_taken_order(
    tx: &mut Transaction,
    (kind, thing): (&str, Id),
    order: u32,
    own: Option<Id>,
) -> ApiResult<()> {
    let mut taken = CuratedVisualizationRow::select();
    taken
        .and_where(Expr::col("resource_id").eq(thing))
        .and_where(Expr::col("resource_type").eq(kind))
        .and_where(Expr::col("display_order").eq(order));
    match tx.fetch_optional::<CuratedVisualizationRow>(&taken).await? {
        Some(other) if Some(other.id) != own => {
            Err(exists(format!("Another visualization has the display order {order}.")))
        }
        _ => Ok(()),
    }
}

async fn update_visualization(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<CuratedVisualizationUpdate>,
) -> Answer<CuratedVisualizationRow> {
    let (context, update) = (&cx, &update);
    cx.change::<CuratedVisualizationRow, _, _>(id, |mut tx| async move {
        tx.lock("curated_visualizations").await?;
        let row = find_in::<CuratedVisualizationRow>(&mut tx, id).await?;
        if let Some(Some(order)) = update.display_order {
            refuse_taken_order(
                &mut tx,
                (row.body.resource_type.as_str(), row.body.resource_id),
                order,
                Some(id),
            )
            .await?;
        }
        Update::of("curated_visualization", id, context.now())
            .maybe_all(sent_fields!(update; display_name, display_order))
            .maybe("layout_size", update.layout_size.map(LayoutSize::as_str))
            .run(&mut tx)
            .await?;
        Ok(tx)
    })
    .await
}
