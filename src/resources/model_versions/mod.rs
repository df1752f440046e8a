//! Model versions: what a model was at one time, and the stage it is in.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_query::Query as Sql;
use serde::Serialize;
use serde_json::value::RawValue;

use super::models::ModelRow;
use super::tags::TagRow;
use super::users::UserResponse;
use crate::framework::{Read, Resource, Response, ResponseOf, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::{Field, FieldKind, Related};
use crate::http::list::{Listed, Page};
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, Timestamp};

const VERSIONS: &str = "/api/v1/model_versions";
const VERSION: &str = "/api/v1/model_versions/{model_version_id}";

pub fn routes() -> Routes {
    Routes::new().get(VERSIONS, list::<ModelVersionRow>).get(VERSION, get::<ModelVersionRow>)
}

row! {
    pub struct ModelVersionRow in "model_version" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub project_id: Id,
        pub user_id: Option<Id>,
        pub model_id: Id,
        pub number: i64,
        pub description: Option<String>,
        pub stage: Option<String>,
    }
}

/// Stages of a model version (contract schema ModelStages).
pub const STAGES: &[&str] = &["none", "staging", "production", "archived", "latest"];

impl Listed for ModelVersionRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::tags(),
        Field::run_metadata("model_version"),
        Field::text("name"),
        Field::number("number"),
        Field::word("stage", STAGES),
        Field::related("model", MODEL),
    ];
}

/// The model's id or name.
const MODEL: Related = Related {
    column: "model_id",
    rows: || Sql::select().column(("model", "id")).from("model").to_owned(),
    fields: &[(("model", "id"), FieldKind::Id), (("model", "name"), FieldKind::Text)],
};

#[derive(Debug, Serialize)]
pub struct ModelVersionBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    stage: Option<String>,
    number: i64,
    model: Option<Arc<ResponseOf<ModelRow>>>,
}

#[derive(Debug, Serialize)]
pub struct ModelVersionMetadata {
    description: Option<String>,
    run_metadata: BTreeMap<String, Arc<RawValue>>,
}

#[derive(Debug, Serialize)]
pub struct ModelVersionResources {
    user: Option<Arc<UserResponse>>,
    services: Page<()>,
    tags: Vec<Arc<ResponseOf<TagRow>>>,
}

impl Resource for ModelVersionRow {
    const NAME: &'static str = "model version";
    const IN_PROJECT: bool = true;
    const TAGGABLE: bool = true;
    type Body = ModelVersionBody;
    type Metadata = ModelVersionMetadata;
    type Resources = ModelVersionResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let models = read.embed::<ModelRow>(rows.iter().map(|row| Some(row.model_id))).await?;
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let mut tags = read.tags_of(&rows).await?;
        let mut run_metadata = read.run_metadata("model_version", &ids).await?;
        let response = |row: Self| {
            let metadata = read.metadata(|| ModelVersionMetadata {
                description: row.description,
                run_metadata: run_metadata.remove(&row.id).unwrap_or_default(),
            });
            let resources = read.resources(|| ModelVersionResources {
                user: row.user_id.and_then(|id| users.get(&id).cloned()),
                services: Page { index: 1, max_size: 5, total_pages: 1, total: 0, items: Vec::new() },
                tags: tags.remove(&row.id).unwrap_or_default(),
            });
            let body = ModelVersionBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                project_id: row.project_id,
                stage: row.stage,
                number: row.number,
                model: models.get(&row.model_id).cloned(),
            };
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
