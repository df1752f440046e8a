//! Artifacts: names under which versions of data are kept.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Func, Query as Sql, SimpleExpr};
use serde::Serialize;

use super::tags::TagRow;
use super::users::UserResponse;
use crate::framework::{Read, Resource, Response, ResponseOf, Versions, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::{Field, Sort};
use crate::http::list::Listed;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, Timestamp};

const ARTIFACTS: &str = "/api/v1/artifacts";
const ARTIFACT: &str = "/api/v1/artifacts/{artifact_id}";

pub fn routes() -> Routes {
    Routes::new().get(ARTIFACTS, list::<ArtifactRow>).get(ARTIFACT, get::<ArtifactRow>)
}

row! {
    pub struct ArtifactRow in "artifact" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub has_custom_name: bool,
        pub project_id: Id,
        pub user_id: Option<Id>,
    }
}

impl Listed for ArtifactRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::tags(),
        Field::text("name"),
        Field { sort: Sort::ByColumn, ..Field::switch("has_custom_name", has_custom_name) },
        Field::sort_only("latest_version", by_newest_version),
    ];
}

fn has_custom_name(flag: bool) -> Option<SimpleExpr> {
    Some(Expr::col("has_custom_name").eq(flag))
}

/// When the newest version was made, or the artifact itself while it has none.
fn by_newest_version() -> SimpleExpr {
    let newest = Sql::select()
        .expr(Func::max(Expr::col(("artifact_version", "created"))))
        .from("artifact_version")
        .and_where(Expr::col(("artifact_version", "artifact_id")).equals(("artifact", "id")))
        .to_owned();
    Func::coalesce([SimpleExpr::from(newest), Expr::col(("artifact", "created"))]).into()
}

/// The newest version of an artifact is the one that was made last.
const VERSIONS: Versions = Versions {
    table: "artifact_version",
    thing: "artifact_id",
    name: "version",
    order: &["created", "version_number"],
};

#[derive(Debug, Serialize)]
pub struct ArtifactBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
}

#[derive(Debug, Serialize)]
pub struct ArtifactMetadata {
    has_custom_name: bool,
}

#[derive(Debug, Serialize)]
pub struct ArtifactResources {
    user: Option<Arc<UserResponse>>,
    tags: Vec<Arc<ResponseOf<TagRow>>>,
    latest_version_name: Option<String>,
    latest_version_id: Option<Id>,
}

impl Resource for ArtifactRow {
    const NAME: &'static str = "artifact";
    const IN_PROJECT: bool = true;
    const TAGGABLE: bool = true;
    type Body = ArtifactBody;
    type Metadata = ArtifactMetadata;
    type Resources = ArtifactResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let mut tags = read.tags_of(&rows).await?;
        let mut newest = read.newest(VERSIONS, rows.iter().map(|row| row.id)).await?;
        let response = |row: Self| {
            let metadata = read.metadata(|| ArtifactMetadata { has_custom_name: row.has_custom_name });
            let resources = read.resources(|| {
                let (latest_version_id, latest_version_name) = newest.remove(&row.id).unzip();
                ArtifactResources {
                    user: row.user_id.and_then(|id| users.get(&id).cloned()),
                    tags: tags.remove(&row.id).unwrap_or_default(),
                    latest_version_name,
                    latest_version_id,
                }
            });
            let Self { id, created, updated, name, project_id, user_id, .. } = row;
            let body = ArtifactBody { created, updated, user_id, project_id };
            Response::named(id, name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
