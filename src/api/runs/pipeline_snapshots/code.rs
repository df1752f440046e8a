//! The code that a snapshot was made from, as its client kept it in the artifact store.

use std::collections::BTreeSet;
use std::io::{self, Read};

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use sea_query::{Expr, ExprTrait, Query as Sql};
use uuid::Uuid;

use super::SnapshotRow;
use crate::api::artifacts::store_files::{StoredFile, with_file};
use crate::app::AppState;
use crate::framework::{Context, find_stored};
use crate::http::budgets::Holder;
use crate::http::client_address::ClientAddress;
use crate::http::download::{self, PIECE, Pieces};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::local_files::WholeFile;
use crate::login::download::{issue_download, require_download};
use crate::store::{Id, JoinById, Store};

/// The word for a snapshot's code in a download token.
const DOWNLOAD: &str = "snapshot_code";

/// A token to download a snapshot's code with.
pub(super) async fn download_token(cx: Context, PathId(id): PathId) -> ApiResult<Json<String>> {
    let snapshot = cx.find::<SnapshotRow>(id).await?;
    file(&cx, &snapshot, cx.principal.projects()).await?;
    Ok(Json(issue_download(&cx, &cx.principal, DOWNLOAD, id)?))
}

/// A snapshot's code, for whoever has the token.
pub(super) async fn download(
    State(app): State<AppState>,
    ClientAddress(address): ClientAddress,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Response> {
    let token = query.required("token").unwrap_or_default();
    query.finish()?;
    let projects = require_download(&app, &token, DOWNLOAD, id, address).await?;
    let snapshot = find_stored::<SnapshotRow>(&app.store, id).await?;
    let right = app.edge.budgets.downloads.begin(Holder::Address(address))?;
    let file = file(&app, &snapshot, projects.as_ref()).await?;
    Ok(download::gzip(&format!("{id}-code.tar.gz"), Copied(file), right))
}

/// A file as it is.
struct Copied(WholeFile);

impl Pieces for Copied {
    fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut piece = Vec::with_capacity(PIECE);
        self.0.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

async fn file(
    app: &AppState,
    snapshot: &SnapshotRow,
    projects: Option<&BTreeSet<Uuid>>,
) -> ApiResult<WholeFile> {
    let refuse = |message: &str| ApiError::value(message);
    let Some(path) = snapshot.metadata.code_path.as_deref().filter(|path| !path.is_empty()) else {
        return Err(refuse("The snapshot has no code path."));
    };
    let stack = snapshot.stack_id.ok_or_else(|| refuse("The stack of the snapshot was deleted."))?;
    let store = artifact_store(&app.store, stack).await?;
    let store = store.ok_or_else(|| refuse("The stack of the snapshot has no artifact store."))?;
    let most = app.config.file_download_size_limit.0;
    let file = StoredFile { store, uri: path, since: (snapshot.body.created, snapshot.id), projects };
    with_file(app, file, move |place| place.whole(most.into())).await
}

async fn artifact_store(store: &Store, stack: Id) -> ApiResult<Option<Id>> {
    let query = Sql::select()
        .column(("stack_component", "id"))
        .from("stack_composition")
        .join_by_id("stack_component", ("stack_composition", "component_id"))
        .and_where(Expr::col(("stack_composition", "stack_id")).eq(stack))
        .and_where(Expr::col(("stack_component", "type")).eq("artifact_store"))
        .limit(1)
        .to_owned();
    Ok(store.fetch_optional::<(Id,)>(&query).await?.map(|(id,)| id))
}
