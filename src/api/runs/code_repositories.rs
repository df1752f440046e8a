//! Code repositories: where the code of pipelines can be fetched from.

use serde::Deserialize;

use super::source::Source;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Loader, NamedProject, Owner, Resource, Response, Routes, delete, get, list,
};
use crate::http::contract::modelled;
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, LongText, Name};
use crate::store::{Id, JsonText, Update, fields, row};

pub(crate) const KIND: Kind = Kind::new("code_repositories").in_project();
const REPOSITORIES: [&str; 2] =
    ["/api/v1/code_repositories", "/api/v1/workspaces/{project_name_or_id}/code_repositories"];
const REPOSITORY: &str = "/api/v1/code_repositories/{code_repository_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(REPOSITORIES, create_repository)
        .get(REPOSITORIES, list::<CodeRepositoryRow>)
        .get(REPOSITORY, get::<CodeRepositoryRow>)
        .put(REPOSITORY, update_repository)
        .delete(REPOSITORY, delete::<CodeRepositoryRow>)
}

row! {
    pub struct CodeRepositoryRow in "code_repository" {
        pub id: Id,
        pub name: String,
    }
    body CodeRepositoryBody: in_project {
        source: Source,
        logo_url: Option<String>,
    }
    metadata CodeRepositoryMetadata {
        config: JsonText,
        description: Option<String>,
    }
}

impl Listed for CodeRepositoryRow {
    const FIELDS: Fields = &[STAMPED, OWNED, &[Field::text("name")]];
}

impl Resource for CodeRepositoryRow {
    const NAME: &'static str = "code repository";
    type Body = CodeRepositoryBody;
    type Metadata = CodeRepositoryMetadata;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let response =
            |row: Self| Response::named(row.id, row.name, row.body, loader.metadata(|| row.metadata), None);
        loader.owned(rows, response).await
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

modelled!(CodeRepositoryRequest, CodeRepositoryUpdate);

async fn create_repository(
    cx: Context,
    project: NamedProject,
    ModelBody(request): ModelBody<CodeRepositoryRequest>,
) -> Answer<CodeRepositoryRow> {
    let project = project.or(&cx, request.project).await?;
    let (id, name) = (cx.new_id(), request.name.as_str());
    let columns = fields!(request; name, config, source, logo_url, description);
    let row = cx.insert("code_repository", id).set("project_id", project).set_all(columns);
    cx.create_named::<CodeRepositoryRow>((id, Some(project)), name, &row).await
}

async fn update_repository(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<CodeRepositoryUpdate>,
) -> Answer<CodeRepositoryRow> {
    let name = update.name.as_ref().map(Name::as_str);
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let change = Update::of("code_repository", id, cx.now())
        .maybe("name", name)
        .maybe("config", update.config.as_ref().map(JsonObject::as_str).filter(|config| *config != "{}"))
        .maybe("logo_url", text(update.logo_url.as_deref()))
        .maybe("description", text(update.description.as_ref().map(LongText::as_str)));
    cx.change_named::<CodeRepositoryRow>(id, name, &change).await
}
