//! Artifacts: names under which versions of data are kept.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Func, Query as Sql, SimpleExpr};
use serde::{Deserialize, Serialize};
use tokio::try_join;

use super::artifact_versions::{self, refuse_outputs};
use crate::accounts::users::UserResponse;
use crate::api::server::tagging::{NO_TAGS, TAGS, TagNames, Taggable, Tags, retag, set_tags};
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Held, Loader, Resource, Response, Routes, Versions, change_named, delete,
    delete_dependents, delete_row, get, list, or_taken, pick, refuse_taken_name, require_project,
};
use crate::http::conditions::Part;
use crate::http::error::ApiResult;
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED, Sort};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{ShortText, check_name};
use crate::store::{Id, StoreError, Transaction, Update, ids_where, row};

pub(crate) const KIND: Kind = Kind::new("artifacts").in_project();
const ARTIFACTS: &str = "/api/v1/artifacts";
const ARTIFACT: &str = "/api/v1/artifacts/{artifact_id}";

/// What goes with one that is deleted.
const HOLDS: [Held; 1] = [Held::new(artifact_versions::KIND, "artifact_version", "artifact_id")];

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(ARTIFACTS, create_artifact)
        .also(&TAGS)
        .get(ARTIFACTS, list::<ArtifactRow>)
        .get(ARTIFACT, get::<ArtifactRow>)
        .put(ARTIFACT, update_artifact)
        .also(&TAGS)
        .also(&NO_TAGS)
        .delete(ARTIFACT, delete::<ArtifactRow>)
        .also(&HOLDS.map(Held::also))
}

row! {
    pub struct ArtifactRow in "artifact" {
        pub id: Id,
        pub name: String,
    }
    body ArtifactBody: in_project {}
    metadata ArtifactMetadata {
        pub has_custom_name: bool,
    }
}

impl Listed for ArtifactRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::tags("artifact"),
            Field::text("name"),
            Field { sort: Sort::ByColumn, ..Field::switch("has_custom_name", has_custom_name) },
            Field::sort_only("latest_version", by_newest_version),
        ],
    ];
}

fn has_custom_name(flag: bool) -> Option<Part> {
    Some(Part::plain(Expr::col("has_custom_name").eq(flag)))
}

/// When the newest version was made, or the artifact itself while it has none.
fn by_newest_version() -> SimpleExpr {
    let newest = Sql::select()
        .column(("artifact_version", "created"))
        .from("artifact_version")
        .and_where(Expr::col(("artifact_version", "artifact_id")).equals(("artifact", "id")))
        .order_by(("artifact_version", "created"), sea_query::Order::Desc)
        .limit(1)
        .to_owned();
    Func::coalesce([SimpleExpr::from(newest), Expr::col(("artifact", "created"))]).into()
}

/// The newest version of an artifact is the one that was made last.
const VERSIONS: Versions = Versions {
    of: "artifact",
    table: "artifact_version",
    thing: "artifact_id",
    name: "version",
    order: &["created", "version_number"],
};

#[derive(Debug, Serialize)]
pub(crate) struct ArtifactResources {
    user: Option<Arc<UserResponse>>,
    tags: Tags,
    latest_version_name: Option<String>,
    latest_version_id: Option<Id>,
}

impl Resource for ArtifactRow {
    const NAME: &'static str = "artifact";
    const TAGGABLE: bool = true;
    const HOLDS: &'static [Held] = &HOLDS;
    type Body = ArtifactBody;
    type Metadata = ArtifactMetadata;
    type Resources = ArtifactResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let (users, mut tags, mut newest) = try_join!(
            loader.users(rows.iter().map(|row| row.body.user_id)),
            loader.tags_of(&rows),
            loader.newest(VERSIONS, rows.iter().map(|row| row.id)),
        )?;
        let response = |row: Self| {
            let resources = loader.resources(|| {
                let (latest_version_id, latest_version_name) = newest.remove(&row.id).unzip();
                ArtifactResources {
                    user: pick(&users, row.body.user_id),
                    tags: tags.remove(&row.id).unwrap_or_default(),
                    latest_version_name,
                    latest_version_id,
                }
            });
            Response::named(row.id, row.name, row.body, loader.metadata(|| row.metadata), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }

    /// Its versions go with it, also those that steps have made or read.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        let versions = ids_where("artifact_version", [Expr::col("artifact_id").eq(id)]);
        refuse_outputs(tx, &versions).await?;
        delete_dependents(tx, &versions).await?;
        delete_row::<Self>(tx, id).await
    }
}

#[derive(Debug, Deserialize)]
struct ArtifactRequest {
    name: ShortText,
    project: Id,
    #[serde(default)]
    has_custom_name: bool,
    tags: TagNames,
}

#[derive(Debug, Deserialize)]
struct ArtifactUpdate {
    name: Option<ShortText>,
    has_custom_name: Option<bool>,
    add_tags: TagNames,
    remove_tags: TagNames,
}

async fn create_artifact(cx: Context, JsonBody(request): JsonBody<ArtifactRequest>) -> Answer<ArtifactRow> {
    let (context, request) = (&cx, &request);
    cx.create_row::<ArtifactRow, _, _>(|mut tx| async move {
        let name = request.name.as_str();
        check_name("Artifact", name)?;
        require_project(&mut tx, request.project).await?;
        refuse_taken_name::<ArtifactRow>(&mut tx, Some(request.project), name, None).await?;
        let id = insert(context, &mut tx, request.project, name, request.has_custom_name)
            .await
            .map_err(or_taken::<ArtifactRow>(name))?;
        set_tags(context, &mut tx, Taggable::Artifact, id, &request.tags).await?;
        Ok((tx, id))
    })
    .await
}

/// Inserts an artifact.
///
/// # Errors
/// The store's own: also when the name is taken.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    name: &str,
    has_custom_name: bool,
) -> Result<Id, StoreError> {
    let id = cx.new_id();
    cx.insert("artifact", id)
        .set("name", name)
        .set("has_custom_name", has_custom_name)
        .set("project_id", project)
        .run(tx)
        .await?;
    Ok(id)
}

/// Renames an artifact, whose name is a custom one then, and changes its tags.
async fn update_artifact(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ArtifactUpdate>,
) -> Answer<ArtifactRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, artifact: ArtifactRow| async move {
        let name = update.name.as_ref().map(ShortText::as_str).filter(|name| !name.is_empty());
        let change = Update::of("artifact", id, context.now())
            .maybe("name", name)
            .maybe("has_custom_name", update.has_custom_name.or(name.map(|_| true)));
        change_named(&mut tx, &artifact, name, change).await?;
        retag(context, &mut tx, Taggable::Artifact, id, &update.add_tags, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}
