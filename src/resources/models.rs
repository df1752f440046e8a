//! Models: names under which versions of a trained model are kept, with what there is to say about it.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Func, Query as Sql, SimpleExpr};
use serde::Serialize;

use super::curated_visualizations::{CuratedVisualizationRow, of_things};
use super::tags::TagRow;
use super::users::UserResponse;
use crate::framework::{Read, Resource, Response, ResponseOf, Versions, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, Timestamp};

const MODELS: &str = "/api/v1/models";
const MODEL: &str = "/api/v1/models/{model_id}";

pub fn routes() -> Routes {
    Routes::new().get(MODELS, list::<ModelRow>).get(MODEL, get::<ModelRow>)
}

row! {
    pub struct ModelRow in "model" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub project_id: Id,
        pub user_id: Option<Id>,
        pub license: Option<String>,
        pub description: Option<String>,
        pub audience: Option<String>,
        pub use_cases: Option<String>,
        pub limitations: Option<String>,
        pub trade_offs: Option<String>,
        pub ethics: Option<String>,
        pub save_models_to_registry: bool,
    }
}

impl Listed for ModelRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::tags(),
        Field::text("name"),
        Field::sort_only("latest_version", by_newest_version),
    ];
}

/// When the newest version was made, or the model itself while it has none.
fn by_newest_version() -> SimpleExpr {
    let newest = Sql::select()
        .expr(Func::max(Expr::col(("model_version", "created"))))
        .from("model_version")
        .and_where(Expr::col(("model_version", "model_id")).equals(("model", "id")))
        .to_owned();
    Func::coalesce([SimpleExpr::from(newest), Expr::col(("model", "created"))]).into()
}

const VERSIONS: Versions =
    Versions { table: "model_version", thing: "model_id", name: "name", order: &["number"] };

#[derive(Debug, Serialize)]
pub struct ModelBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
}

#[derive(Debug, Serialize)]
pub struct ModelMetadata {
    license: Option<String>,
    description: Option<String>,
    audience: Option<String>,
    use_cases: Option<String>,
    limitations: Option<String>,
    trade_offs: Option<String>,
    ethics: Option<String>,
    save_models_to_registry: bool,
}

#[derive(Debug, Serialize)]
pub struct ModelResources {
    user: Option<Arc<UserResponse>>,
    tags: Vec<Arc<ResponseOf<TagRow>>>,
    latest_version_name: Option<String>,
    latest_version_id: Option<Id>,
    visualizations: Vec<ResponseOf<CuratedVisualizationRow>>,
}

impl Resource for ModelRow {
    const NAME: &'static str = "model";
    const IN_PROJECT: bool = true;
    const TAGGABLE: bool = true;
    type Body = ModelBody;
    type Metadata = ModelMetadata;
    type Resources = ModelResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let mut tags = read.tags_of(&rows).await?;
        let mut newest = read.newest(VERSIONS, ids.iter().copied()).await?;
        let mut visualizations = of_things(read, "model", &ids).await?;
        let response = |row: Self| {
            let resources = read.resources(|| {
                let (latest_version_id, latest_version_name) = newest.remove(&row.id).unzip();
                ModelResources {
                    user: row.user_id.and_then(|id| users.get(&id).cloned()),
                    tags: tags.remove(&row.id).unwrap_or_default(),
                    latest_version_name,
                    latest_version_id,
                    visualizations: visualizations.remove(&row.id).unwrap_or_default(),
                }
            });
            let Self { id, created, updated, name, project_id, user_id, .. } = row;
            let body = ModelBody { created, updated, user_id, project_id };
            let metadata = read.metadata(|| ModelMetadata {
                license: row.license,
                description: row.description,
                audience: row.audience,
                use_cases: row.use_cases,
                limitations: row.limitations,
                trade_offs: row.trade_offs,
                ethics: row.ethics,
                save_models_to_registry: row.save_models_to_registry,
            });
            Response::named(id, name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
