//! The files of an artifact version: what shows the data, and the data itself.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sea_query::{Expr, ExprTrait, Order};
use serde::Serialize;
use uuid::Uuid;

use super::ArtifactVersionRow;
use crate::app::AppState;
use crate::auth::download::require_download;
use crate::framework::{Context, Resource, find_stored};
use crate::http::download;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::path::PathId;
use crate::http::query::Query;
use crate::local_files::Archive;
use crate::resources::artifact_visualizations::VisualizationRow;
use crate::resources::artifacts::ArtifactRow;
use crate::resources::store_files::{StoredFile, missing, with_file};
use crate::store::Id;

/// The word for artifact versions in a download token.
const DOWNLOAD: &str = "artifact_version";
/// Bytes of a visualization at most.
const LARGEST_VISUALIZATION: u64 = 64 << 20;

/// A visualization with what is in its file (contract schema LoadedVisualization).
#[derive(Debug, Serialize)]
pub struct LoadedVisualization {
    r#type: String,
    /// A text; of an image base64.
    value: String,
}

/// One visualization of a version, by its place among them.
pub async fn visualize(
    cx: Context,
    PathId(id): PathId,
    mut query: Query,
) -> ApiResult<Json<LoadedVisualization>> {
    let index = query.integer("index", i64::MIN, i64::MAX).unwrap_or(0);
    query.finish()?;
    let version = cx.find::<ArtifactVersionRow>(id).await?;
    let store = store_of(&version)?;
    let mut select = VisualizationRow::select();
    select
        .and_where(Expr::col("artifact_version_id").eq(id))
        .order_by("created", Order::Asc)
        .order_by("uri", Order::Asc);
    let all: Vec<VisualizationRow> = cx.app.store.fetch_all(&select).await?;
    let count = all.len();
    let found = usize::try_from(index).ok().and_then(|index| all.into_iter().nth(index));
    let Some(VisualizationRow { id: visualization, r#type, uri, created, .. }) = found else {
        let message =
            format!("The artifact version has {count} visualizations, and none with the index {index}.");
        return Err(missing(message));
    };
    let file =
        StoredFile { store, uri: &uri, since: (created, visualization), projects: cx.principal.projects() };
    let bytes = with_file(&cx.app, file, |place| place.read(LARGEST_VISUALIZATION)).await?;
    let value = match r#type.as_str() {
        "image" => STANDARD.encode(bytes),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    };
    Ok(Json(LoadedVisualization { r#type, value }))
}

fn store_of(version: &ArtifactVersionRow) -> ApiResult<Id> {
    version.artifact_store_id.ok_or_else(|| {
        ApiError::new(
            ErrorKind::KeyError,
            format!("\"The artifact version {} has no artifact store.\"", version.id),
        )
    })
}

/// A token to download a version's data with.
pub async fn download_token(cx: Context, PathId(id): PathId) -> ApiResult<Json<String>> {
    let version = cx.find::<ArtifactVersionRow>(id).await?;
    archive(&cx.app, &version, cx.principal.projects()).await?;
    Ok(Json(cx.app.tokens.for_download(&cx.principal, DOWNLOAD, id, cx.app.clock.now())?))
}

/// A version's data as an archive, for whoever has the token.
pub async fn download_archive(
    State(app): State<AppState>,
    PathId(id): PathId,
    mut query: Query,
) -> ApiResult<Response> {
    let token = query.required("token").unwrap_or_default();
    query.finish()?;
    let projects = require_download(&app, &token, DOWNLOAD, id).await?;
    let version = find_stored::<ArtifactVersionRow>(&app, id).await?;
    let artifact = find_stored::<ArtifactRow>(&app, version.artifact_id).await?;
    let archive = archive(&app, &version, projects.as_ref()).await?;
    let name = format!("{}-{}.tar.gz", artifact.name, version.version);
    Ok(download::gzip(&name, move |pieces| archive.write(pieces)))
}

async fn archive(
    app: &AppState,
    version: &ArtifactVersionRow,
    projects: Option<&BTreeSet<Uuid>>,
) -> ApiResult<Archive> {
    let store = store_of(version)?;
    let most = app.config.file_download_size_limit.0;
    let file = StoredFile { store, uri: &version.uri, since: (version.created, version.id), projects };
    with_file(app, file, move |place| place.archive(most.into())).await
}
