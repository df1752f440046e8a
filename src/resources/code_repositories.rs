//! Code repositories: where the code of pipelines can be fetched from.

use std::sync::Arc;

use serde::Serialize;

use super::source::Source;
use super::users::UserResponse;
use crate::framework::{Read, Resource, Response, ResponseOf, delete, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, JsonText, Timestamp};

const REPOSITORIES: &str = "/api/v1/code_repositories";
const REPOSITORY: &str = "/api/v1/code_repositories/{code_repository_id}";

pub fn routes() -> Routes {
    Routes::new()
        .get(REPOSITORIES, list::<CodeRepositoryRow>)
        .get(REPOSITORY, get::<CodeRepositoryRow>)
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
