//! Visualizations of artifact versions: files that show what the data is like.

use std::sync::Arc;

use sea_query::{Expr, Order};
use serde::Serialize;

use super::artifact_versions::{ArtifactVersionRow, VisualizationType};
use crate::framework::{Answers, ById, Loader, Resource, Response, ResponseOf};
use crate::http::error::ApiResult;
use crate::http::fields::{Fields, Listed};
use crate::store::{Id, InIds, Word, row};

row! {
    pub struct VisualizationRow in "artifact_visualization" {
        pub id: Id,
    }
    body VisualizationBody: stamped {
        pub r#type: Word<VisualizationType>,
        pub uri: String,
    }
    metadata VisualizationMetadata {
        pub artifact_version_id: Id,
    }
}

/// No list of them is part of the contract.
impl Listed for VisualizationRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[];
}

#[derive(Debug, Serialize)]
pub(crate) struct VisualizationResources {
    artifact_version: Option<Arc<ResponseOf<ArtifactVersionRow>>>,
}

impl Resource for VisualizationRow {
    const NAME: &'static str = "artifact visualization";
    type Body = VisualizationBody;
    type Metadata = VisualizationMetadata;
    type Resources = VisualizationResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let versions =
            rows.iter().map(|row| Some(row.metadata.artifact_version_id).filter(|_| loader.resources));
        let versions = loader.embed::<ArtifactVersionRow>(versions).await?;
        let response = |row: Self| {
            let resources = loader.resources(|| VisualizationResources {
                artifact_version: versions.get(&row.metadata.artifact_version_id).cloned(),
            });
            Response::nameless(row.id, row.body, loader.metadata(|| row.metadata), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// The visualizations of each of these artifact versions, for the metadata of their answers.
///
/// # Errors
/// The store's own.
pub(crate) async fn of_versions(
    loader: &Loader<'_>,
    versions: &[Id],
) -> ApiResult<ById<Vec<ResponseOf<VisualizationRow>>>> {
    if !loader.metadata || versions.is_empty() {
        return Ok(ById::new());
    }
    let mut select = VisualizationRow::select();
    select
        .and_where(Expr::col("artifact_version_id").in_ids(versions.iter().copied()))
        .order_by("created", Order::Asc)
        .order_by("uri", Order::Asc);
    let of_version = |row: &VisualizationRow| Some(row.metadata.artifact_version_id);
    loader.embed_with(&select, of_version).await
}
