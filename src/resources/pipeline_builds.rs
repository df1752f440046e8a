//! Builds of pipelines: the container images that their steps run in.

use std::sync::Arc;

use serde::Serialize;

use super::users::UserResponse;
use crate::framework::{Read, Resource, Response, ResponseOf, delete, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, JsonText, Timestamp};

const BUILDS: &str = "/api/v1/pipeline_builds";
const BUILD: &str = "/api/v1/pipeline_builds/{build_id}";

pub fn routes() -> Routes {
    Routes::new().get(BUILDS, list::<BuildRow>).get(BUILD, get::<BuildRow>).delete(BUILD, delete::<BuildRow>)
}

row! {
    pub struct BuildRow in "pipeline_build" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub user_id: Option<Id>,
        pub project_id: Id,
        pub stack_id: Option<Id>,
        pub pipeline_id: Option<Id>,
        /// What is built for a step's or the pipeline's part, by its key.
        pub images: JsonText,
        pub is_local: bool,
        pub contains_code: bool,
        pub zenml_version: Option<String>,
        pub python_version: Option<String>,
        pub checksum: Option<String>,
        pub stack_checksum: Option<String>,
        /// Seconds.
        pub duration: Option<i32>,
    }
}

impl Listed for BuildRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::reference("pipeline_id", "pipeline_id"),
        Field::reference("stack_id", "stack_id"),
        Field::flag("is_local"),
        Field::flag("contains_code"),
        Field::text("zenml_version"),
        Field::text("python_version"),
        Field::text("checksum"),
        Field::text("stack_checksum"),
        Field::number("duration"),
    ];
}

#[derive(Debug, Serialize)]
pub struct BuildBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
}

#[derive(Debug, Serialize)]
pub struct BuildMetadata {
    images: JsonText,
    zenml_version: Option<String>,
    python_version: Option<String>,
    checksum: Option<String>,
    stack_checksum: Option<String>,
    is_local: bool,
    contains_code: bool,
    duration: Option<i32>,
}

#[derive(Debug, Serialize)]
pub struct BuildResources {
    user: Option<Arc<UserResponse>>,
}

impl Resource for BuildRow {
    const NAME: &'static str = "pipeline build";
    const IN_PROJECT: bool = true;
    type Body = BuildBody;
    type Metadata = BuildMetadata;
    type Resources = BuildResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let response = |row: Self| {
            let Self { id, created, updated, user_id, project_id, .. } = row;
            let resources =
                read.resources(|| BuildResources { user: user_id.and_then(|id| users.get(&id).cloned()) });
            let metadata = read.metadata(|| BuildMetadata {
                images: row.images,
                zenml_version: row.zenml_version,
                python_version: row.python_version,
                checksum: row.checksum,
                stack_checksum: row.stack_checksum,
                is_local: row.is_local,
                contains_code: row.contains_code,
                duration: row.duration,
            });
            let body = BuildBody { created, updated, user_id, project_id };
            Response::nameless(id, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
