//! Projects: what keeps the work of several teams apart.

use axum::Json;
use axum::extract::{Path, State};
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::FromRow;
use uuid::Uuid;

use super::object_or_empty;
use crate::app::AppState;
use crate::auth::Principal;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::filter::Field;
use crate::http::list::{ListRequest, Listed, Page};
use crate::http::query::Query;
use crate::http::routes::Routes;
use crate::store::{Id, Store, Timestamp};

#[derive(Debug, FromRow)]
pub struct ProjectRow {
    id: Id,
    created: Timestamp,
    updated: Timestamp,
    name: String,
    display_name: String,
    description: String,
    project_metadata: Option<String>,
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
pub struct ProjectResponse {
    body: Option<ProjectResponseBody>,
    metadata: Option<ProjectResponseMetadata>,
    resources: Option<ProjectResponseResources>,
    id: Id,
    permission_denied: bool,
    name: String,
}

#[derive(Debug, Serialize)]
pub struct ProjectResponseBody {
    created: Timestamp,
    updated: Timestamp,
    display_name: String,
}

#[derive(Debug, Serialize)]
pub struct ProjectResponseMetadata {
    description: String,
    project_metadata: Box<RawValue>,
}

/// A project's answer never fills these.
#[derive(Debug, Serialize)]
pub struct ProjectResponseResources {}

impl ProjectRow {
    fn response(self, hydrate: bool) -> ProjectResponse {
        let Self { id, created, updated, name, display_name, description, project_metadata } = self;
        ProjectResponse {
            body: Some(ProjectResponseBody { created, updated, display_name }),
            metadata: hydrate.then(|| ProjectResponseMetadata {
                description,
                project_metadata: object_or_empty(project_metadata.as_deref()),
            }),
            resources: None,
            id,
            permission_denied: false,
            name,
        }
    }
}

fn select() -> SelectStatement {
    Sql::select()
        .columns(["id", "created", "updated", "name", "display_name", "description", "project_metadata"])
        .from("project")
        .to_owned()
}

pub fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/projects", list_projects)
        .get("/api/v1/projects/{project_name_or_id}", get_project)
}

/// All projects.
pub async fn list_projects(
    State(app): State<AppState>,
    _: Principal,
    list: ListRequest<ProjectRow>,
) -> ApiResult<Json<Page<ProjectResponse>>> {
    let page = list.fetch(&app.store, &select()).await?;
    let responses = |rows: Vec<ProjectRow>| rows.into_iter().map(|row| row.response(list.hydrate)).collect();
    Ok(Json(page.with_items(responses)))
}

/// One project, by its name or id.
pub async fn get_project(
    State(app): State<AppState>,
    _: Principal,
    Path(name_or_id): Path<String>,
    mut query: Query,
) -> ApiResult<Json<ProjectResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let project = find_by_name_or_id(&app.store, &name_or_id).await?;
    Ok(Json(project.response(hydrate)))
}

async fn find_by_name_or_id(store: &Store, name_or_id: &str) -> ApiResult<ProjectRow> {
    let id = Uuid::try_parse(name_or_id).ok();
    let condition = match id {
        Some(id) => Expr::col("id").eq(Id(id)),
        None => Expr::col("name").eq(name_or_id),
    };
    store.fetch_optional(select().and_where(condition)).await?.ok_or_else(|| {
        let reason = match id {
            Some(_) => "No project with this ID found.".to_owned(),
            None => format!("'{name_or_id}' is not a valid  UUID and no project with this name exists."),
        };
        let message = format!("\"Unable to get project with name or ID '{name_or_id}': {reason}\"");
        ApiError::new(ErrorKind::KeyError, message)
    })
}
