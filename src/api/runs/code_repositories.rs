//! Code repositories: where the code of pipelines can be fetched from.

use std::sync::Arc;

use axum::Json;
use serde::{Deserialize, Serialize};

use super::source::Source;
use crate::accounts::users::UserResponse;
use crate::auth::kind::Kind;
use crate::framework::routes::Routes;
use crate::framework::{
    Context, NamedProject, Read, Resource, Response, ResponseOf, delete, find_in, get, list,
    refuse_taken_name, require_project, taken,
};
use crate::http::contract::Modelled;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::filter::Field;
use crate::http::json::ModelBody;
use crate::http::list::Listed;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, LongText, Name};
use crate::row;
use crate::store::{Id, Insert, JsonText, Timestamp, Update};

pub const KIND: Kind = Kind::new("code_repositories").in_project();
const REPOSITORIES: &str = "/api/v1/code_repositories";
const REPOSITORIES_OF_PROJECT: &str = "/api/v1/workspaces/{project_name_or_id}/code_repositories";
const REPOSITORY: &str = "/api/v1/code_repositories/{code_repository_id}";

pub fn routes() -> Routes {
    Routes::of(KIND)
        .post(REPOSITORIES, create_repository)
        .get(REPOSITORIES, list::<CodeRepositoryRow>)
        .post(REPOSITORIES_OF_PROJECT, create_repository)
        .get(REPOSITORIES_OF_PROJECT, list::<CodeRepositoryRow>)
        .get(REPOSITORY, get::<CodeRepositoryRow>)
        .put(REPOSITORY, update_repository)
        .delete(REPOSITORY, delete::<CodeRepositoryRow>)
}

row! {
    pub struct CodeRepositoryRow in "code_repository" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub project_id: Id,
        pub user_id: Option<Id>,
        pub config: JsonText,
        pub source: JsonText,
        pub logo_url: Option<String>,
        pub description: Option<String>,
    }
}

impl Listed for CodeRepositoryRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::text("name"),
    ];
}

#[derive(Debug, Serialize)]
pub struct CodeRepositoryBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    source: Source,
    logo_url: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct CodeRepositoryMetadata {
    config: JsonText,
    description: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct CodeRepositoryResources {
    user: Option<Arc<UserResponse>>,
}

impl Resource for CodeRepositoryRow {
    const NAME: &'static str = "code repository";
    const IN_PROJECT: bool = true;
    type Body = CodeRepositoryBody;
    type Metadata = CodeRepositoryMetadata;
    type Resources = CodeRepositoryResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let response = |row: Self| {
            let metadata =
                read.metadata(|| CodeRepositoryMetadata { config: row.config, description: row.description });
            let resources = read.resources(|| CodeRepositoryResources {
                user: row.user_id.and_then(|id| users.get(&id).cloned()),
            });
            let body = CodeRepositoryBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                project_id: row.project_id,
                source: Source::of_stored(row.source.0.get()),
                logo_url: row.logo_url,
            };
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

#[derive(Debug, Deserialize)]
struct CodeRepositoryRequest {
    project: Id,
    name: Name,
    config: JsonObject,
    source: Source,
    logo_url: Option<String>,
    description: Option<LongText>,
}

impl Modelled for CodeRepositoryRequest {
    const MODEL: &'static str = "CodeRepositoryRequest";
}

/// As in ZenML a source can be sent and changes nothing, and nothing can be taken away.
#[derive(Debug, Deserialize)]
struct CodeRepositoryUpdate {
    name: Option<Name>,
    config: Option<JsonObject>,
    #[allow(dead_code, reason = "it is only checked")]
    source: Option<Source>,
    logo_url: Option<String>,
    description: Option<LongText>,
}

impl Modelled for CodeRepositoryUpdate {
    const MODEL: &'static str = "CodeRepositoryUpdate";
}

async fn create_repository(
    cx: Context,
    project: NamedProject,
    ModelBody(request): ModelBody<CodeRepositoryRequest>,
) -> ApiResult<Json<ResponseOf<CodeRepositoryRow>>> {
    let project = project.or(&cx, request.project).await?;
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    let made = cx.create(|mut tx| async move {
        let name = request.name.as_str();
        require_project(&mut tx, project).await?;
        refuse_taken_name::<CodeRepositoryRow>(&mut tx, Some(project), name, None).await?;
        let inserted = Insert::into("code_repository")
            .stamped(id, context.now())
            .set("name", name)
            .set("project_id", project)
            .set("user_id", context.user_id())
            .set("config", request.config.as_str())
            .set("source", request.source.as_str())
            .set("logo_url", request.logo_url.clone())
            .set("description", request.description.as_ref().map(LongText::as_str))
            .run(&mut tx)
            .await;
        inserted.map_err(if_duplicate(|| taken::<CodeRepositoryRow>(name)))?;
        Ok((tx, id))
    });
    let id = made.await?;
    cx.answer::<CodeRepositoryRow>(id).await.map(Json)
}

async fn update_repository(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<CodeRepositoryUpdate>,
) -> ApiResult<Json<ResponseOf<CodeRepositoryRow>>> {
    let (now, update) = (cx.now(), &update);
    let updated = cx.store.write(|mut tx| async move {
        let repository = find_in::<CodeRepositoryRow>(&mut tx, id).await?;
        let name = update.name.as_ref().map(Name::as_str);
        if let Some(name) = name {
            let project = Some(repository.project_id);
            refuse_taken_name::<CodeRepositoryRow>(&mut tx, project, name, Some(id)).await?;
        }
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let config = update.config.as_ref().map(JsonObject::as_str).filter(|config| *config != "{}");
        let updated = Update::of("code_repository", id, now)
            .maybe("name", name)
            .maybe("config", config)
            .maybe("logo_url", text(update.logo_url.as_deref()))
            .maybe("description", text(update.description.as_ref().map(LongText::as_str)))
            .run(&mut tx)
            .await;
        let name = name.unwrap_or_default();
        updated.map_err(if_duplicate(|| taken::<CodeRepositoryRow>(name)))?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    updated.await?;
    cx.answer::<CodeRepositoryRow>(id).await.map(Json)
}
