//! Models: names under which versions of a trained model are kept, with what there is to say about it.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Func, Query as Sql, SimpleExpr};
use serde::Serialize;
use tokio::try_join;

use super::model_versions;
use crate::accounts::users::UserResponse;
use crate::api::artifacts::curated_visualizations::{CuratedVisualizationRow, of_things};
use crate::api::server::tagging::{NO_TAGS, TAGS, TagNames, Taggable, Tags, retag, set_tags};
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Held, Loader, Resource, Response, ResponseOf, Routes, Versions, change_named,
    delete, delete_dependents, delete_row, find_project, get, list, or_taken, pick, refuse_taken_name,
    require_project,
};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::json::JsonBody;
use crate::http::path::{PathId, PathName};
use crate::http::query::QueryParams;
use crate::http::values::{Name, ShortText, check_name};
use crate::store::{Id, StoreError, Transaction, Update, ids_where, row};

pub(crate) const KIND: Kind = Kind::new("models").in_project();
const MODELS: &str = "/api/v1/models";
const MODEL: &str = "/api/v1/models/{model_id}";

/// What goes with one that is deleted.
const HOLDS: [Held; 1] = [Held::new(model_versions::KIND, "model_version", "model_id")];

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(MODELS, create_model)
        .also(&TAGS)
        .post("/api/v1/workspaces/{project_name_or_id}/models", create_model_in)
        .also(&TAGS)
        .get(MODELS, list::<ModelRow>)
        .get(MODEL, get::<ModelRow>)
        .put(MODEL, update_model)
        .replayed()
        .also(&TAGS)
        .also(&NO_TAGS)
        .delete(MODEL, delete::<ModelRow>)
        .also(&HOLDS.map(Held::also))
}

row! {
    pub struct ModelRow in "model" {
        pub id: Id,
        pub name: String,
    }
    body ModelBody: in_project {}
    metadata ModelMetadata {
        license: Option<String>,
        description: Option<String>,
        audience: Option<String>,
        use_cases: Option<String>,
        limitations: Option<String>,
        trade_offs: Option<String>,
        ethics: Option<String>,
        save_models_to_registry: bool,
    }
}

impl Listed for ModelRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[Field::tags("model"), Field::text("name"), Field::sort_only("latest_version", by_newest_version)],
    ];
}

/// When the newest version was made, or the model itself while it has none.
fn by_newest_version() -> SimpleExpr {
    let newest = Sql::select()
        .column(("model_version", "created"))
        .from("model_version")
        .and_where(Expr::col(("model_version", "model_id")).equals(("model", "id")))
        .order_by(("model_version", "created"), sea_query::Order::Desc)
        .limit(1)
        .to_owned();
    Func::coalesce([SimpleExpr::from(newest), Expr::col(("model", "created"))]).into()
}

const VERSIONS: Versions =
    Versions { of: "model", table: "model_version", thing: "model_id", name: "name", order: &["number"] };

#[derive(Debug, Serialize)]
pub(crate) struct ModelResources {
    user: Option<Arc<UserResponse>>,
    tags: Tags,
    latest_version_name: Option<String>,
    latest_version_id: Option<Id>,
    visualizations: Vec<ResponseOf<CuratedVisualizationRow>>,
}

impl Resource for ModelRow {
    const NAME: &'static str = "model";
    const TAGGABLE: bool = true;
    const HOLDS: &'static [Held] = &HOLDS;
    type Body = ModelBody;
    type Metadata = ModelMetadata;
    type Resources = ModelResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let (users, mut tags, mut newest, mut visualizations) = try_join!(
            loader.users(rows.iter().map(|row| row.body.user_id)),
            loader.tags_of(&rows),
            loader.newest(VERSIONS, ids.iter().copied()),
            of_things(loader, "model", &ids),
        )?;
        let response = |row: Self| {
            let resources = loader.resources(|| {
                let (latest_version_id, latest_version_name) = newest.remove(&row.id).unzip();
                ModelResources {
                    user: pick(&users, row.body.user_id),
                    tags: tags.remove(&row.id).unwrap_or_default(),
                    latest_version_name,
                    latest_version_id,
                    visualizations: visualizations.remove(&row.id).unwrap_or_default(),
                }
            });
            Response::named(row.id, row.name, row.body, loader.metadata(|| row.metadata), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }

    /// Its versions go with it.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        let versions = ids_where("model_version", [Expr::col("model_id").eq(id)]);
        delete_dependents(tx, &versions).await?;
        delete_row::<Self>(tx, id).await
    }
}

/// A request with what there is to say about a model, and the columns for that.
macro_rules! with_card {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize)]
        $visibility struct $name {
            $($(#[$field_meta])* $field: $type,)*
            license: Option<$crate::http::values::LongText>,
            description: Option<$crate::http::values::LongText>,
            audience: Option<$crate::http::values::LongText>,
            use_cases: Option<$crate::http::values::LongText>,
            limitations: Option<$crate::http::values::LongText>,
            trade_offs: Option<$crate::http::values::LongText>,
            ethics: Option<$crate::http::values::LongText>,
            save_models_to_registry: Option<bool>,
        }

        impl $name {
            fn card(&self) -> $crate::api::models::models::Card<'_> {
                fn text(text: &Option<$crate::http::values::LongText>) -> Option<&str> {
                    text.as_ref().map($crate::http::values::LongText::as_str)
                }
                $crate::api::models::models::Card {
                    texts: [
                        ("license", text(&self.license)),
                        ("description", text(&self.description)),
                        ("audience", text(&self.audience)),
                        ("use_cases", text(&self.use_cases)),
                        ("limitations", text(&self.limitations)),
                        ("trade_offs", text(&self.trade_offs)),
                        ("ethics", text(&self.ethics)),
                    ],
                    save_models_to_registry: self.save_models_to_registry,
                }
            }
        }
    };
}
pub(super) use with_card;

/// What there is to say about a model, by columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Card<'a> {
    pub texts: [(&'static str, Option<&'a str>); 7],
    pub save_models_to_registry: Option<bool>,
}

with_card! {
    struct ModelRequest {
        project: Id,
        name: ShortText,
        tags: TagNames,
    }
}

with_card! {
    struct ModelUpdate {
        name: Option<Name>,
        add_tags: TagNames,
        remove_tags: TagNames,
    }
}

async fn create_model(
    cx: Context,
    query: QueryParams,
    JsonBody(request): JsonBody<ModelRequest>,
) -> Answer<ModelRow> {
    create(&cx, query.text("project_name_or_id"), &request).await
}

/// The same, by the name of the project.
async fn create_model_in(
    cx: Context,
    PathName(project): PathName,
    JsonBody(request): JsonBody<ModelRequest>,
) -> Answer<ModelRow> {
    create(&cx, Some(&project), &request).await
}

async fn create(cx: &Context, project: Option<&str>, request: &ModelRequest) -> Answer<ModelRow> {
    let project = match project {
        Some(project) => find_project(cx, Some(project)).await?,
        None => request.project,
    };
    cx.create_row::<ModelRow, _, _>(|mut tx| async move {
        let name = request.name.as_str();
        check_name("Model", name)?;
        require_project(&mut tx, project).await?;
        refuse_taken_name::<ModelRow>(&mut tx, Some(project), name, None).await?;
        let id =
            insert(cx, &mut tx, project, name, request.card()).await.map_err(or_taken::<ModelRow>(name))?;
        set_tags(cx, &mut tx, Taggable::Model, id, &request.tags).await?;
        Ok((tx, id))
    })
    .await
}

/// Inserts a model.
///
/// # Errors
/// The store's own: also when the name is taken.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    name: &str,
    card: Card<'_>,
) -> Result<Id, StoreError> {
    let id = cx.new_id();
    let insert = cx
        .insert("model", id)
        .set("name", name)
        .set("project_id", project)
        .set("save_models_to_registry", card.save_models_to_registry.unwrap_or(true));
    let insert = card.texts.into_iter().fold(insert, |insert, (column, text)| insert.set(column, text));
    insert.run(tx).await?;
    Ok(id)
}

async fn update_model(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ModelUpdate>,
) -> Answer<ModelRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, model: ModelRow| async move {
        let name = update.name.as_ref().map(Name::as_str);
        let card = update.card();
        let change = Update::of("model", id, context.now())
            .maybe("name", name)
            .maybe("save_models_to_registry", card.save_models_to_registry);
        let change = card.texts.into_iter().fold(change, |change, (column, text)| change.maybe(column, text));
        change_named(&mut tx, &model, name, change).await?;
        retag(context, &mut tx, Taggable::Model, id, &update.add_tags, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}
