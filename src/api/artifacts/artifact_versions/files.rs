//! The files of an artifact version: what shows the data, and the data itself.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use sea_query::{Expr, ExprTrait, Order};
use uuid::Uuid;

use utoipa::ToSchema;

use super::ArtifactVersionRow;
use super::loaded::LoadedVisualization;
use crate::api::artifacts::artifact_visualizations::VisualizationRow;
use crate::api::artifacts::artifacts::ArtifactRow;
use crate::api::artifacts::store_files::{StoredFile, missing, with_file};
use crate::app::AppState;
use crate::framework::{Context, Resource, find_stored};
use crate::http::budgets::Holder;
use crate::http::client_address::ClientAddress;
use crate::http::download;
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::local_files::{Archive, Packer};
use crate::login::download::{issue_download, require_download};
use crate::store::Id;

/// The word for artifact versions in a download token.
const DOWNLOAD: &str = "artifact_version";
/// Bytes of a visualization at most.
const LARGEST_VISUALIZATION: u64 = 64 << 20;

/// One visualization of a version, by its place among them.
pub(crate) async fn visualize(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Response> {
    let index = query.integer("index", i64::MIN, i64::MAX).unwrap_or(0);
    query.finish()?;
    let version = cx.find::<ArtifactVersionRow>(id).await?;
    let store = store_of(&version)?;
    let mut select = VisualizationRow::select();
    select
        .and_where(Expr::col("artifact_version_id").eq(id))
        .order_by("created", Order::Asc)
        .order_by("uri", Order::Asc);
    let all: Vec<VisualizationRow> = cx.store.fetch_all(&select).await?;
    let count = all.len();
    let found = usize::try_from(index).ok().and_then(|index| all.into_iter().nth(index));
    let Some(VisualizationRow { id: visualization, body: shown, .. }) = found else {
        let message =
            format!("The artifact version has {count} visualizations, and none with the index {index}.");
        return Err(missing(message));
    };
    let file = StoredFile {
        store,
        uri: &shown.uri,
        since: (shown.created, visualization),
        projects: cx.principal.projects(),
    };
    let right = cx.edge.budgets.downloads.begin(Holder::Account(cx.user_id()))?;
    let file = with_file(&cx, file, |place| place.whole(LARGEST_VISUALIZATION)).await?;
    Ok(download::json(LoadedVisualization::new(shown.r#type.as_str(), file), right))
}

fn store_of(version: &ArtifactVersionRow) -> ApiResult<Id> {
    version.body.artifact_store_id.ok_or_else(|| {
        ApiError::key(format!("\"The artifact version {} has no artifact store.\"", version.id))
    })
}

/// A token to download a version's data with.
pub(crate) async fn download_token(cx: Context, PathId(id): PathId) -> ApiResult<Json<String>> {
    let version = cx.find::<ArtifactVersionRow>(id).await?;
    archive(&cx, &version, cx.principal.projects()).await?;
    Ok(Json(issue_download(&cx, &cx.principal, DOWNLOAD, id)?))
}

#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it is described, not made: an answer is a stream")]
struct DataArchive(Vec<u8>);

/// A version's data as an archive, for whoever has the token.
#[utoipa::path(
    get,
    path = super::DATA,
    responses((status = 200, description = "The file.", body = inline(DataArchive), content_type = "application/gzip"))
)]
pub(crate) async fn download_archive(
    State(app): State<AppState>,
    ClientAddress(address): ClientAddress,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Response> {
    let token = query.required("token").unwrap_or_default();
    query.finish()?;
    let projects = require_download(&app, &token, DOWNLOAD, id, address).await?;
    let version = find_stored::<ArtifactVersionRow>(&app.store, id).await?;
    let artifact = find_stored::<ArtifactRow>(&app.store, version.artifact_id).await?;
    let right = app.edge.budgets.downloads.begin(Holder::Address(address))?;
    let archive = archive(&app, &version, projects.as_ref()).await?;
    let name = format!("{}-{}.tar.gz", artifact.name, version.body.version);
    Ok(download::gzip(&name, Packer::new(archive), right))
}

async fn archive(
    app: &AppState,
    version: &ArtifactVersionRow,
    projects: Option<&BTreeSet<Uuid>>,
) -> ApiResult<Archive> {
    let store = store_of(version)?;
    let most = app.config.file_download_size_limit.0;
    let file =
        StoredFile { store, uri: &version.body.uri, since: (version.body.created, version.id), projects };
    with_file(app, file, move |place| place.archive(most.into())).await
}
