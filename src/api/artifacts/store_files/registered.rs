//! Which folders are artifact stores': those that an admin has registered.

use std::path::{Component, Path, PathBuf};

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::Deserialize;

use super::{Folder, StoredFile, by_id, missing, refusal};
use crate::api::stacks::components::{ComponentRow, ComponentType};
use crate::app::App;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::local_files::Unread;
use crate::store::{Base64Json, JoinById, StoreError, Transaction};

const ARTIFACT_STORE: &str = "artifact_store";
/// The flavor of stores on this machine.
const LOCAL: &str = "local";
/// The store that the server itself has made, and nobody changes.
const DEFAULT: &str = "default";
/// Admins' stores that are looked at to judge another one.
const MOST_STORES: u64 = 200;

#[derive(Debug, Default, Deserialize)]
struct LocalConfiguration {
    path: Option<String>,
}

/// A local artifact store.
pub(super) struct LocalStore {
    pub name: String,
    /// Where its files are that are read here.
    pub folders: Vec<Folder>,
}

/// # Errors
/// 404 for what is no artifact store; 501 for one that is not local; 403 when no local files are read, or no admin has
/// registered the store.
pub(super) async fn local_store(app: &App, file: StoredFile<'_>) -> ApiResult<LocalStore> {
    let StoredFile { store: id, uri, .. } = file;
    let row = app.store.fetch_optional::<ComponentRow>(&by_id(id)).await?;
    let Some(store) = row.filter(|row| row.body.r#type == ComponentType::ArtifactStore) else {
        return Err(missing(format!("There is no artifact store with the ID '{id}'.")));
    };
    if store.body.flavor != LOCAL {
        let message = format!(
            "This server reads no files of the artifact store '{}': it has no client for the flavor {}.",
            store.name, store.body.flavor
        );
        return Err(ApiError::not_implemented(message));
    }
    if !app.local_files.are_read() {
        return Err(refusal(&Unread::NotAllowed, uri));
    }
    let folders = match is_registered(app, &store).await? {
        true => vec![match store.metadata.configuration.as_ref().and_then(path_of) {
            Some(path) => Folder::At(path),
            None => Folder::Named(id.to_string().into()),
        }],
        // Files of a user's store are shown as far as they are an admin's store's too.
        false => admins_folders(app).await?.into_iter().map(Folder::At).collect(),
    };
    if folders.is_empty() {
        let message = format!(
            "No admin has registered the artifact store '{}', so its files are not read.",
            store.name
        );
        return Err(ApiError::illegal(message));
    }
    Ok(LocalStore { name: store.name, folders })
}

/// Whether an admin has registered it, or the server itself.
async fn is_registered(app: &App, store: &ComponentRow) -> ApiResult<bool> {
    let Some(owner) = store.body.user_id else { return Ok(store.name == DEFAULT) };
    let owner = app.auth.identities.account(owner.0).await;
    let owner = owner.map_err(crate::auth::AuthenticationError::from)?;
    Ok(owner.is_some_and(|owner| owner.body.is_admin))
}

fn path_of(configuration: &Base64Json) -> Option<PathBuf> {
    path_in(configuration.0.as_deref().map_or("{}", serde_json::value::RawValue::get))
}

fn path_in(configuration: &str) -> Option<PathBuf> {
    let configuration: LocalConfiguration = serde_json::from_str(configuration).unwrap_or_default();
    configuration.path.filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Configurations of local artifact stores whose owner is an admin.
fn of_admins() -> SelectStatement {
    const OWN: &str = "stack_component";
    Sql::select()
        .column((OWN, "configuration"))
        .from(OWN)
        .join_by_id("user", (OWN, "user_id"))
        .and_where(Expr::col((OWN, "type")).eq(ARTIFACT_STORE))
        .and_where(Expr::col((OWN, "flavor")).eq(LOCAL))
        .and_where(Expr::col(("user", "is_admin")).eq(true))
        .limit(MOST_STORES)
        .to_owned()
}

async fn admins_folders(app: &App) -> Result<Vec<PathBuf>, StoreError> {
    let found: Vec<(Base64Json,)> = app.store.fetch_all(&of_admins()).await?;
    Ok(found.iter().filter_map(|(configuration,)| path_of(configuration)).collect())
}

fn is_local_store(app: &App, kind: &str, flavor: &str) -> bool {
    app.local_files.are_read() && kind == ARTIFACT_STORE && flavor == LOCAL
}

/// Checks that a component which is made or changed names no folder of this machine that no admin has registered.
///
/// # Errors
/// 403 for somebody who is no admin; the store's own.
pub(crate) async fn refuse_unregistered(
    cx: &Context,
    tx: &mut Transaction,
    (kind, flavor): (&str, &str),
    configuration: &str,
) -> ApiResult<()> {
    if cx.principal.user.body.is_admin || !is_local_store(cx, kind, flavor) {
        return Ok(());
    }
    let Some(path) = path_in(configuration) else { return Ok(()) };
    let registered: Vec<(Base64Json,)> = tx.fetch_all(&of_admins()).await?;
    let folders = registered.iter().filter_map(|(configuration,)| path_of(configuration));
    if is_plain(&path) && folders.into_iter().any(|folder| path.starts_with(folder)) {
        return Ok(());
    }
    let message = format!(
        "Only an admin registers '{}' as a local artifact store, because this server shows files below it.",
        path.display()
    );
    Err(ApiError::illegal(message))
}

/// Whether nothing in the path leads up again.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && path.components().all(|part| part != Component::ParentDir)
}

/// Whether an admin who configures this component registers it by that: its owner is no admin, or is gone.
///
/// # Errors
/// When the store doesn't answer.
pub(crate) async fn takes_over(cx: &Context, component: &ComponentRow) -> ApiResult<bool> {
    if !cx.principal.user.body.is_admin
        || !is_local_store(cx, component.body.r#type.as_str(), &component.body.flavor)
    {
        return Ok(false);
    }
    Ok(!is_registered(cx, component).await?)
}
