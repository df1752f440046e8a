//! Builds of pipelines: the container images that their steps run in.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::{Deserialize, Serialize};

use super::pipelines::PipelineRow;
use crate::api::stacks::stacks::StackRow;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Loader, NamedProject, Owner, Resource, Response, ResponseOf, Routes, delete,
    get, list, pick, require, require_project,
};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED};
use crate::http::json::ModelBody;
use crate::http::values::{ShortText, yes};
use crate::store::{Id, Insert, JoinById, JsonText, fields, row};

pub(crate) const KIND: Kind = Kind::new("pipeline_builds").in_project();
const BUILDS: [&str; 2] =
    ["/api/v1/pipeline_builds", "/api/v1/workspaces/{project_name_or_id}/pipeline_builds"];
const BUILD: &str = "/api/v1/pipeline_builds/{build_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(BUILDS, create_build)
        .get(BUILDS, list::<BuildRow>)
        .get(BUILD, get::<BuildRow>)
        .delete(BUILD, delete::<BuildRow>)
}

row! {
    pub struct BuildRow in "pipeline_build" {
        pub id: Id,
        pub stack_id: Option<Id>,
        pipeline_id: Option<Id>,
    }
    body BuildBody: in_project {}
    metadata BuildColumns {
        /// What is built for a step's or the pipeline's part, by its key.
        images: JsonText,
        pub is_local: bool,
        contains_code: bool,
        pub zenml_version: Option<String>,
        python_version: Option<String>,
        checksum: Option<String>,
        pub stack_checksum: Option<String>,
        /// Seconds.
        duration: Option<i32>,
    }
}

/// Stacks with a container registry, by its id.
const CONTAINER_REGISTRY: Related = Related {
    column: "stack_id",
    rows: || {
        Sql::select()
            .column(("stack_composition", "stack_id"))
            .from("stack_composition")
            .join_by_id("stack_component", ("stack_composition", "component_id"))
            .and_where(Expr::col(("stack_component", "type")).eq("container_registry"))
            .to_owned()
    },
    fields: &[(("stack_component", "id"), FieldKind::Id)],
};

impl Listed for BuildRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::reference("pipeline_id", "pipeline_id"),
            Field::reference("stack_id", "stack_id"),
            Field::related("container_registry_id", CONTAINER_REGISTRY),
            Field::only_flag("is_local"),
            Field::only_flag("contains_code"),
            Field::text("zenml_version"),
            Field::text("python_version"),
            Field::text("checksum"),
            Field::text("stack_checksum"),
            Field::number("duration"),
        ],
    ];
}

#[derive(Debug, Serialize)]
pub(crate) struct BuildMetadata {
    #[serde(flatten)]
    columns: BuildColumns,
    pipeline: Option<Arc<ResponseOf<PipelineRow>>>,
    stack: Option<Arc<ResponseOf<StackRow>>>,
}

impl Resource for BuildRow {
    const NAME: &'static str = "pipeline build";
    type Body = BuildBody;
    type Metadata = BuildMetadata;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let wanted = || rows.iter().filter(|_| loader.metadata);
        let pipelines = loader.embed::<PipelineRow>(wanted().map(|row| row.pipeline_id)).await?;
        let stacks = loader.embed::<StackRow>(wanted().map(|row| row.stack_id)).await?;
        let response = |row: Self| {
            let metadata = loader.metadata(|| BuildMetadata {
                pipeline: pick(&pipelines, row.pipeline_id),
                stack: pick(&stacks, row.stack_id),
                columns: row.metadata,
            });
            Response::nameless(row.id, row.body, metadata, None)
        };
        loader.owned(rows, response).await
    }
}

/// An image of a build; what isn't sent is kept as ZenML would fill it in.
#[derive(Debug, Deserialize, Serialize)]
struct BuildItem {
    image: String,
    dockerfile: Option<String>,
    requirements: Option<String>,
    settings_checksum: Option<String>,
    #[serde(default = "yes")]
    contains_code: bool,
    #[serde(default)]
    requires_code_download: bool,
}

#[derive(Debug, Deserialize)]
struct BuildRequest {
    project: Id,
    #[serde(default)]
    images: BTreeMap<String, BuildItem>,
    is_local: bool,
    contains_code: bool,
    zenml_version: Option<ShortText>,
    python_version: Option<ShortText>,
    duration: Option<i32>,
    checksum: Option<ShortText>,
    stack_checksum: Option<ShortText>,
    stack: Option<Id>,
    pipeline: Option<Id>,
}

modelled!(BuildRequest as PipelineBuildRequest);

/// Notes a build.
async fn create_build(
    cx: Context,
    project: NamedProject,
    ModelBody(request): ModelBody<BuildRequest>,
) -> Answer<BuildRow> {
    let project = project.or(&cx, request.project).await?;
    let id = cx.new_id();
    let insert = request.insert(project)?.stamped(id, cx.now()).set("user_id", cx.user_id());
    let (insert, request) = (&insert, &request);
    cx.create_row::<BuildRow, _, _>(|mut tx| async move {
        require_project(&mut tx, project).await?;
        require::<StackRow>(&mut tx, request.stack, project).await?;
        require::<PipelineRow>(&mut tx, request.pipeline, project).await?;
        insert.clone().run(&mut tx).await?;
        Ok((tx, id))
    })
    .await
}

impl BuildRequest {
    fn insert(&self, project: Id) -> ApiResult<Insert> {
        let images = serde_json::to_string(&self.images).map_err(|error| {
            tracing::error!(%error, "a build's images could not be written");
            ApiError::internal()
        })?;
        let insert = Insert::into("pipeline_build")
            .set("project_id", project)
            .set("stack_id", self.stack)
            .set("pipeline_id", self.pipeline)
            .set("images", images)
            .set_all(fields!(
                self;
                is_local, contains_code, zenml_version, python_version, checksum, stack_checksum, duration,
            ));
        Ok(insert)
    }
}
