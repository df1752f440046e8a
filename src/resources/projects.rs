//! Projects: what keeps the work of several teams apart.

use axum::Json;
use axum::extract::Path;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{by_name_or_id, object_or_empty};
use crate::framework::{Context, NoResources, Read, Resource, Response, ResponseOf, list};
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::query::Query;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, Timestamp};

const PROJECTS: &str = "/api/v1/projects";
const PROJECT: &str = "/api/v1/projects/{project_name_or_id}";

pub fn routes() -> Routes {
    Routes::new().get(PROJECTS, list::<ProjectRow>).get(PROJECT, get_project)
}

row! {
    pub struct ProjectRow in "project" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub display_name: String,
        pub description: String,
        pub project_metadata: Option<String>,
    }
}

impl Listed for ProjectRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::text("name"),
        Field::text("display_name"),
    ];
}

#[derive(Debug, Serialize)]
pub struct ProjectBody {
    created: Timestamp,
    updated: Timestamp,
    display_name: String,
}

#[derive(Debug, Serialize)]
pub struct ProjectMetadata {
    description: String,
    project_metadata: Box<RawValue>,
}

impl Resource for ProjectRow {
    const NAME: &'static str = "project";
    type Body = ProjectBody;
    type Metadata = ProjectMetadata;
    type Resources = NoResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let response = |row: Self| {
            let metadata = read.metadata(|| ProjectMetadata {
                description: row.description,
                project_metadata: object_or_empty(row.project_metadata.as_deref()),
            });
            let body =
                ProjectBody { created: row.created, updated: row.updated, display_name: row.display_name };
            Response::named(row.id, row.name, body, metadata, None)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// One project, by its name or id.
async fn get_project(
    cx: Context,
    Path(name_or_id): Path<String>,
    mut query: Query,
) -> ApiResult<Json<ResponseOf<ProjectRow>>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let project = find_by_name_or_id(&cx, &name_or_id).await?;
    cx.answer_with::<ProjectRow>(project.id, hydrate).await.map(Json)
}

async fn find_by_name_or_id(cx: &Context, name_or_id: &str) -> ApiResult<ProjectRow> {
    let mut select = ProjectRow::select();
    let found = cx.app.store.fetch_optional(select.and_where(by_name_or_id(name_or_id))).await?;
    found.ok_or_else(|| {
        let message = format!("\"No project with the name or ID '{name_or_id}' was found\"");
        ApiError::new(ErrorKind::KeyError, message)
    })
}
