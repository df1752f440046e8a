//! Artifact versions: data that steps made or somebody saved, and where it is.

mod create;
mod delete;
pub(crate) mod files;
mod filters;
mod loaded;
mod update;

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::Serialize;
use tokio::try_join;

use super::artifact_visualizations::{VisualizationRow, of_versions};
use super::artifacts::{self, ArtifactRow};
use crate::accounts::users::UserResponse;
use crate::api::runs::source::Source;
use crate::api::server::tagging::{NO_TAGS, TAGS, Tags};
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{
    Answers, ById, Loader, Logged, Resource, Response, ResponseOf, Routes, get, list, pick,
};
use crate::http::error::ApiResult;
use crate::store::{Id, InIds, JoinById, Word, row};

pub(crate) use self::create::{ArtifactType, SaveType, VisualizationType};
pub(crate) use self::delete::{delete_those, refuse_outputs};

const DATA: &str = "/api/v1/artifact_versions/{artifact_version_id}/data";
pub(crate) const KIND: Kind = Kind::new("artifact_versions").in_project();
const VERSIONS: &str = "/api/v1/artifact_versions";
const VERSION: &str = "/api/v1/artifact_versions/{artifact_version_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(VERSIONS, create::create_version)
        .also(&TAGS)
        .also(&create::RELATED)
        .get(VERSIONS, list::<ArtifactVersionRow>)
        .delete(VERSIONS, delete::prune)
        .also(&[Also::flag("only_versions", false, artifacts::KIND.to(Verb::Delete))])
        .post("/api/v1/artifact_versions/batch", create::create_versions)
        .also(&TAGS)
        .also(&create::RELATED)
        .get(VERSION, get::<ArtifactVersionRow>)
        .put(VERSION, update::update_version)
        .also(&TAGS)
        .also(&NO_TAGS)
        .delete(VERSION, delete::delete_version)
        .get("/api/v1/artifact_versions/{artifact_version_id}/visualize", files::visualize)
        .get("/api/v1/artifact_versions/{artifact_version_id}/download-token", files::download_token)
        // For whoever has that token.
        .get(DATA, files::download_archive)
        .open()
}

row! {
    pub struct ArtifactVersionRow in "artifact_version" {
        pub id: Id,
        pub artifact_id: Id,
    }
    body ArtifactVersionColumns: in_project {
        pub version: String,
        pub r#type: Word<ArtifactType>,
        pub uri: String,
        materializer: Source,
        data_type: Source,
        save_type: Word<SaveType>,
        content_hash: Option<String>,
        item_count: Option<i64>,
        pub artifact_store_id: Option<Id>,
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ArtifactVersionBody {
    #[serde(flatten)]
    pub columns: ArtifactVersionColumns,
    artifact: Option<Arc<ResponseOf<ArtifactRow>>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ArtifactVersionMetadata {
    visualizations: Vec<ResponseOf<VisualizationRow>>,
    run_metadata: Logged,
}

#[derive(Debug, Serialize)]
pub(crate) struct ArtifactVersionResources {
    user: Option<Arc<UserResponse>>,
    tags: Tags,
    producer_step_run_id: Option<Id>,
    producer_pipeline_run_id: Option<Id>,
}

impl Resource for ArtifactVersionRow {
    const NAME: &'static str = "artifact version";
    const TAGGABLE: bool = true;
    type Body = ArtifactVersionBody;
    type Metadata = ArtifactVersionMetadata;
    type Resources = ArtifactVersionResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let (artifacts, users, mut tags, mut visualizations, mut run_metadata, producers) = try_join!(
            loader.embed::<ArtifactRow>(rows.iter().map(|row| Some(row.artifact_id))),
            loader.users(rows.iter().map(|row| row.body.user_id)),
            loader.tags_of(&rows),
            of_versions(loader, &ids),
            loader.run_metadata("artifact_version", &ids),
            producers(loader, &ids),
        )?;
        let response = |row: Self| {
            let metadata = loader.metadata(|| ArtifactVersionMetadata {
                visualizations: visualizations.remove(&row.id).unwrap_or_default(),
                run_metadata: run_metadata.remove(&row.id).unwrap_or_default(),
            });
            let resources = loader.resources(|| {
                let (step, run) = producers.get(&row.id).copied().unzip();
                ArtifactVersionResources {
                    user: pick(&users, row.body.user_id),
                    tags: tags.remove(&row.id).unwrap_or_default(),
                    producer_step_run_id: step,
                    producer_pipeline_run_id: run,
                }
            });
            let artifact = artifacts.get(&row.artifact_id).cloned();
            let body = ArtifactVersionBody { columns: row.body, artifact };
            Response::nameless(row.id, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// The step and the run that made each version: the oldest step that ended well; the others took it from the cache.
async fn producers(loader: &Loader<'_>, ids: &[Id]) -> ApiResult<ById<(Id, Id)>> {
    if !loader.resources || ids.is_empty() {
        return Ok(ById::new());
    }
    let query = Sql::select()
        .column(("step_run_output_artifact", "artifact_id"))
        .columns([("step_run", "id"), ("step_run", "pipeline_run_id")])
        .from("step_run_output_artifact")
        .join_by_id("step_run", ("step_run_output_artifact", "step_id"))
        .and_where(Expr::col(("step_run_output_artifact", "artifact_id")).in_ids(ids.iter().copied()))
        .and_where(Expr::col(("step_run", "status")).eq("completed"))
        .order_by(("step_run", "created"), Order::Desc)
        .to_owned();
    let steps: Vec<(Id, Id, Id)> = loader.store.fetch_all(&query).await?;
    Ok(steps.into_iter().map(|(version, step, run)| (version, (step, run))).collect())
}
