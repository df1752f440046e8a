//! Curated visualizations: which visualization of an artifact is shown with a model, pipeline, run or the like.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order};
use serde::Serialize;

use super::artifact_visualizations::VisualizationRow;
use crate::framework::{ById, NoResources, Read, Resource, Response, ResponseOf};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::row;
use crate::store::{Id, Timestamp};

row! {
    pub struct CuratedVisualizationRow in "curated_visualization" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub project_id: Id,
        pub artifact_visualization_id: Id,
        pub display_name: Option<String>,
        pub display_order: Option<i64>,
        pub layout_size: String,
        pub resource_id: Id,
        pub resource_type: String,
    }
}

/// No list of them is part of the contract.
impl Listed for CuratedVisualizationRow {
    const FIELDS: &'static [Field] = &[];
}

#[derive(Debug, Serialize)]
pub struct CuratedVisualizationBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    artifact_visualization_id: Id,
    artifact_version_id: Option<Id>,
    display_name: Option<String>,
    display_order: Option<i64>,
    layout_size: String,
    resource_id: Id,
    resource_type: String,
}

#[derive(Debug, Serialize)]
pub struct CuratedVisualizationResources {
    /// Whose it is isn't kept.
    user: Option<()>,
    artifact_visualization: Option<Arc<ResponseOf<VisualizationRow>>>,
}

impl Resource for CuratedVisualizationRow {
    const NAME: &'static str = "curated visualization";
    type Body = CuratedVisualizationBody;
    type Metadata = NoResources;
    type Resources = CuratedVisualizationResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let shown: Vec<Id> = rows.iter().map(|row| row.artifact_visualization_id).collect();
        let shown = read.rows::<VisualizationRow>(shown).await?;
        let versions: ById<Id> = shown.iter().map(|row| (row.id, row.artifact_version_id)).collect();
        let answers = VisualizationRow::responses(&read.embedded(), shown).await?;
        let answers: ById<_> = answers.into_iter().map(|answer| (answer.id, Arc::new(answer))).collect();
        let response = |row: Self| {
            // They have their resources only where they have their metadata.
            let resources = read.metadata(|| CuratedVisualizationResources {
                user: None,
                artifact_visualization: answers.get(&row.artifact_visualization_id).cloned(),
            });
            let body = CuratedVisualizationBody {
                created: row.created,
                updated: row.updated,
                user_id: None,
                project_id: row.project_id,
                artifact_visualization_id: row.artifact_visualization_id,
                artifact_version_id: versions.get(&row.artifact_visualization_id).copied(),
                display_name: row.display_name,
                display_order: row.display_order,
                layout_size: row.layout_size,
                resource_id: row.resource_id,
                resource_type: row.resource_type,
            };
            Response::nameless(row.id, body, read.metadata(|| NoResources {}), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// What is shown with each of these things of one kind, in its order; for the resources of their answers.
///
/// # Errors
/// The store's own.
pub async fn of_things(
    read: &Read<'_>,
    kind: &'static str,
    things: &[Id],
) -> ApiResult<ById<Vec<ResponseOf<CuratedVisualizationRow>>>> {
    let mut by_thing = ById::new();
    if !read.resources || things.is_empty() {
        return Ok(by_thing);
    }
    let mut select = CuratedVisualizationRow::select();
    select
        .and_where(Expr::col("resource_id").is_in(things.iter().copied()))
        .and_where(Expr::col("resource_type").eq(kind))
        .order_by("display_order", Order::Asc)
        .order_by("created", Order::Asc);
    let rows: Vec<CuratedVisualizationRow> = read.app.store.fetch_all(&select).await?;
    let owners: Vec<Id> = rows.iter().map(|row| row.resource_id).collect();
    let answers = CuratedVisualizationRow::responses(&read.embedded(), rows).await?;
    for (owner, answer) in owners.into_iter().zip(answers) {
        by_thing.entry(owner).or_insert_with(Vec::new).push(answer);
    }
    Ok(by_thing)
}
