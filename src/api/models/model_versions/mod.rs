//! Model versions: what a model was at one time, and the stage it is in.

mod create;
mod for_run;
mod rules;
mod update;

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};
use tokio::try_join;

use super::models::ModelRow;
use super::services::{self, Services};
use crate::accounts::users::UserResponse;
use crate::api::server::tagging::{NO_TAGS, TAGS, Tags};
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::framework::{
    Answers, Context, Loader, PageAnswer, Resource, Response, ResponseOf, Routes, WithRunMetadata, delete,
    get, list_of, pick,
};
use crate::http::conditions::Among;
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED};
use crate::http::list::ListRequest;
use crate::http::path::PathName;
use crate::http::query::QueryParams;
use crate::store::{Id, Stored, Word, ids_where, row};

pub(crate) use self::for_run::{CONFIGURED, ConfiguredModel, for_run, link_run};
pub(crate) use self::rules::{delete_link, lock_version};

pub(crate) const KIND: Kind = Kind::new("model_versions").in_project();
const VERSIONS: &str = "/api/v1/model_versions";
const VERSION: &str = "/api/v1/model_versions/{model_version_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(VERSIONS, create::create_version)
        .also(&TAGS)
        .post(
            "/api/v1/workspaces/{project_name_or_id}/models/{model_id}/model_versions",
            create::create_version_in,
        )
        .also(&TAGS)
        .get(VERSIONS, list_versions)
        .get("/api/v1/models/{model_name_or_id}/model_versions", list_versions_of)
        .get(VERSION, get::<ModelVersionRow>)
        .put(VERSION, update::update_version)
        .replayed()
        .also(&TAGS)
        .also(&NO_TAGS)
        .delete(VERSION, delete::<ModelVersionRow>)
}

/// A page of versions, of one model or of all.
async fn list_versions(
    cx: Context,
    query: QueryParams,
    list: ListRequest<ModelVersionRow>,
) -> ApiResult<PageAnswer<ModelVersionRow>> {
    let list = match query.text("model_name_or_id").filter(|model| !model.is_empty()) {
        Some(model) => list.with_filter("model", model)?,
        None => list,
    };
    list_of(&cx, &list, ModelVersionRow::select()).await
}

/// A page of one model's versions. As in a filter, the model may be given with an operator.
async fn list_versions_of(
    cx: Context,
    PathName(model): PathName,
    list: ListRequest<ModelVersionRow>,
) -> ApiResult<PageAnswer<ModelVersionRow>> {
    list_of(&cx, &list.with_filter("model", &model)?, ModelVersionRow::select()).await
}

row! {
    pub struct ModelVersionRow in "model_version" {
        pub id: Id,
        pub name: String,
        pub model_id: Id,
    }
    body ModelVersionColumns: in_project {
        stage: Option<Word<Stage>>,
        number: i64,
    }
    metadata ModelVersionMetadata {
        description: Option<String>,
    }
}

/// Stages of a model version (contract schema ModelStages).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Stage {
    None,
    Staging,
    Production,
    Archived,
    Latest,
}

impl Listed for ModelVersionRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::tags("model_version"),
            Field::run_metadata("model_version"),
            Field::text("name"),
            Field::number("number"),
            Field::word("stage"),
            Field::related("model", MODEL).walked_by(&["number", "created"]),
        ],
    ];
}

/// The model's id or name.
const MODEL: Related = Related {
    column: "model_id",
    rows: || Sql::select().column(("model", "id")).from("model").to_owned(),
    fields: &[(("model", "id"), FieldKind::Id), (("model", "name"), FieldKind::Text)],
};

#[derive(Debug, Serialize)]
pub(crate) struct ModelVersionBody {
    #[serde(flatten)]
    columns: ModelVersionColumns,
    model: Option<Arc<ResponseOf<ModelRow>>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ModelVersionResources {
    user: Option<Arc<UserResponse>>,
    services: Services,
    tags: Tags,
}

/// Leaves out links of versions that the principal may not see.
pub(crate) fn narrow_links(select: &mut SelectStatement, principal: &Principal) {
    if let Some(projects) = principal.projects() {
        let of_projects = Expr::col("project_id").is_in(projects.iter().copied().map(Id));
        let versions = ids_where(ModelVersionRow::TABLE, [of_projects]);
        let among = Among::new("model_version_id", versions);
        select.and_where(among.exists());
    }
}

impl Resource for ModelVersionRow {
    const NAME: &'static str = "model version";
    const TAGGABLE: bool = true;
    type Body = ModelVersionBody;
    type Metadata = WithRunMetadata<ModelVersionMetadata>;
    type Resources = ModelVersionResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let (models, users, mut tags, mut services, mut logged) = try_join!(
            loader.embed::<ModelRow>(rows.iter().map(|row| Some(row.model_id))),
            loader.users(rows.iter().map(|row| row.body.user_id)),
            loader.tags_of(&rows),
            services::of_versions(loader, &ids),
            loader.run_metadata("model_version", &ids),
        )?;
        let response = |row: Self| {
            let run_metadata = logged.remove(&row.id).unwrap_or_default();
            let metadata = loader.metadata(|| WithRunMetadata { columns: row.metadata, run_metadata });
            let resources = loader.resources(|| ModelVersionResources {
                user: pick(&users, row.body.user_id),
                services: services.remove(&row.id).unwrap_or_else(services::none),
                tags: tags.remove(&row.id).unwrap_or_default(),
            });
            let body = ModelVersionBody { columns: row.body, model: models.get(&row.model_id).cloned() };
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
