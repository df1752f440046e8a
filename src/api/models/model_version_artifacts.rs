//! Which artifact versions belong to which model versions.

use std::sync::Arc;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};
use serde::{Deserialize, Serialize};

use super::model_versions::{self, ModelVersionRow};
use crate::api::artifacts::artifact_versions::{self, ArtifactVersionRow, delete_those};
use crate::auth::Principal;
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{
    Answer, Answers, Context, Loader, NoResources, Resource, Response, ResponseOf, Routes, find_in, list,
    require,
};
use crate::http::conditions::{Among, Part};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, FieldKind, Fields, Listed, Related, STAMPED, USER};
use crate::http::json::JsonBody;
use crate::http::path::{PathId, PathIdAndName};
use crate::http::query::QueryParams;
use crate::store::{Id, Insert, JoinById, row};

pub(crate) const KIND: Kind = Kind::new("model_version_artifacts").in_project();
const LINKS: &str = "/api/v1/model_version_artifacts";
const OF_VERSION: &str = "/api/v1/model_versions/{model_version_id}/artifacts";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(LINKS, create_link)
        .get(LINKS, list::<ArtifactLinkRow>)
        .delete(OF_VERSION, delete_links)
        .also(&[Also::flag("only_links", false, artifact_versions::KIND.to(Verb::Delete))])
        .delete(
            "/api/v1/model_versions/{model_version_id}/artifacts/{model_version_artifact_link_name_or_id}",
            delete_link,
        )
}

row! {
    pub struct ArtifactLinkRow in "model_versions_artifacts" {
        pub id: Id,
        artifact_version_id: Id,
    }
    body ArtifactLinkColumns: stamped {
        #[serde(rename = "model_version")]
        model_version_id: Id,
    }
}

impl Listed for ArtifactLinkRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[
            Field::reference("model_version_id", "model_version_id"),
            Field::reference("artifact_version_id", "artifact_version_id"),
            Field::related("artifact_name", ARTIFACT_NAME),
            Field::switch("only_data_artifacts", |only| {
                only.then(|| Part::plain(type_of_version().is_not_in(["ServiceArtifact", "ModelArtifact"])))
            }),
            Field::switch("only_model_artifacts", |only| only.then(|| of_type("ModelArtifact"))),
            Field::switch("only_deployment_artifacts", |only| only.then(|| of_type("ServiceArtifact"))),
            Field::switch("has_custom_name", |flag| {
                Some(Part::plain(of_version(("artifact", "has_custom_name")).eq(flag)))
            }),
            Field::related("user", MAKER),
        ],
    ];
}

const ARTIFACT_NAME: Related = Related {
    column: "artifact_version_id",
    rows: with_artifacts,
    fields: &[(("artifact", "name"), FieldKind::Text)],
};

/// Whoever made the artifact version.
const MAKER: Related = Related {
    column: "artifact_version_id",
    rows: || versions().join_by_id("user", ("artifact_version", "user_id")).to_owned(),
    fields: USER,
};

fn versions() -> SelectStatement {
    Sql::select().column(("artifact_version", "id")).from("artifact_version").to_owned()
}

fn with_artifacts() -> SelectStatement {
    versions().join_by_id("artifact", ("artifact_version", "artifact_id")).to_owned()
}

fn of_type(word: &'static str) -> Part {
    Part::plain(type_of_version().eq(word))
}

fn type_of_version() -> SimpleExpr {
    of_version(("artifact_version", "type"))
}

/// What the link's artifact version has in a column, or its artifact. It is asked for link by link, since a model's version
/// has few: of any other form MariaDB makes a join, for which it looks through all artifact versions.
fn of_version(column: (&'static str, &'static str)) -> SimpleExpr {
    let of_link = ("model_versions_artifacts", "artifact_version_id");
    let mut version = with_artifacts();
    version.clear_selects().column(column).and_where(Expr::col(("artifact_version", "id")).equals(of_link));
    version.into()
}

fn among(versions: SelectStatement) -> Among {
    Among::new("artifact_version_id", versions)
}

#[derive(Debug, Serialize)]
pub(crate) struct ArtifactLinkBody {
    #[serde(flatten)]
    columns: ArtifactLinkColumns,
    artifact_version: Option<Arc<ResponseOf<ArtifactVersionRow>>>,
}

impl Resource for ArtifactLinkRow {
    const NAME: &'static str = "model version link";
    type Body = ArtifactLinkBody;
    type Metadata = NoResources;
    type Resources = NoResources;

    fn narrow(select: &mut SelectStatement, principal: &Principal) {
        model_versions::narrow_links(select, principal);
    }

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let versions = rows.iter().map(|row| Some(row.artifact_version_id));
        let versions = loader.embed::<ArtifactVersionRow>(versions).await?;
        let response = |row: Self| {
            let artifact_version = versions.get(&row.artifact_version_id).cloned();
            let body = ArtifactLinkBody { columns: row.body, artifact_version };
            Response::nameless(row.id, body, loader.metadata(|| NoResources {}), None)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

#[derive(Debug, Deserialize)]
struct LinkRequest {
    model_version: Id,
    artifact_version: Id,
}

/// Links an artifact version to a model version; a link that is there stays as it is.
async fn create_link(cx: Context, JsonBody(request): JsonBody<LinkRequest>) -> Answer<ArtifactLinkRow> {
    let LinkRequest { model_version, artifact_version } = request;
    let context = &cx;
    let made = cx.create(|mut tx| async move {
        // Of two requests at once, the second waits here and finds the link of the first.
        model_versions::lock_version(&mut tx, model_version).await?;
        let project = find_in::<ModelVersionRow>(&mut tx, model_version).await?.body.project_id;
        require::<ArtifactVersionRow>(&mut tx, Some(artifact_version), project).await?;
        let mut linked = ArtifactLinkRow::select();
        linked
            .and_where(Expr::col("model_version_id").eq(model_version))
            .and_where(Expr::col("artifact_version_id").eq(artifact_version));
        if let Some(link) = tx.fetch_optional::<ArtifactLinkRow>(&linked).await? {
            return Ok((tx, (link.id, false)));
        }
        let id = context.new_id();
        Insert::into("model_versions_artifacts")
            .stamped(id, context.now())
            .set("model_version_id", model_version)
            .set("artifact_version_id", artifact_version)
            .run(&mut tx)
            .await?;
        Ok((tx, (id, true)))
    });
    let (id, is_new) = made.await?;
    cx.answer_with::<ArtifactLinkRow>(id, is_new).await
}

/// Deletes a link by its id, or by the artifact's name.
async fn delete_link(cx: Context, PathIdAndName(version, link): PathIdAndName) -> ApiResult<Json<()>> {
    let named = |name: &str| {
        among(with_artifacts().and_where(Expr::col(("artifact", "name")).eq(name)).to_owned()).exists()
    };
    model_versions::delete_link::<ArtifactLinkRow>(&cx, version, &link, named).await
}

/// Deletes all links of a model version, and with `only_links=false` the artifact versions too, unless runs have given them out.
async fn delete_links(cx: Context, PathId(version): PathId, mut query: QueryParams) -> ApiResult<Json<()>> {
    let only_links = query.flag("only_links").unwrap_or(true);
    query.finish()?;
    let deleted = cx.store.write(|mut tx| async move {
        find_in::<ModelVersionRow>(&mut tx, version).await?;
        let is_of_version = || Expr::col("model_version_id").eq(version);
        if !only_links {
            let linked = Sql::select()
                .column("artifact_version_id")
                .from("model_versions_artifacts")
                .and_where(is_of_version())
                .to_owned();
            delete_those(&mut tx, &linked).await?;
        }
        tx.delete_where("model_versions_artifacts", [is_of_version()]).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    deleted.await.map(Json)
}
