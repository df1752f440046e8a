//! Reading files of artifact stores: of local ones, where the operator allows it.

mod claims;
mod registered;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::api::stacks::components::ComponentRow;
use crate::app::App;
use crate::framework::Resource;
use crate::http::error::{ApiError, ApiResult};
use crate::local_files::{LocalFiles, Place, Unread};
use crate::store::{Id, Timestamp};

pub(crate) use self::registered::{refuse_unregistered, takes_over};

/// A file or folder of an artifact store, as something in a project names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredFile<'a> {
    pub store: Id,
    pub uri: &'a str,
    /// Since when it is named, and by which row: of those of one moment, ids tell which came first.
    pub since: (Timestamp, Id),
    /// The projects of whoever reads it, if their token is for some only.
    pub projects: Option<&'a BTreeSet<Uuid>>,
}

/// A file or folder that was found in a store.
struct FoundFile {
    place: Place,
    /// The store's folder in each way that it may be written.
    folders: Vec<PathBuf>,
    /// The resolved path of the store's folder below the root, and of the file below that.
    store_path: PathBuf,
    rest: PathBuf,
}

/// Does something with a file of an artifact store, on a thread that may wait for a disk.
///
/// # Errors
/// 403 when no local files are read, or this one is too large, or is another project's; 404 when it isn't there, or not
/// in that store; 501 for a store that is not local.
pub(crate) async fn with_file<T: Send + 'static>(
    app: &App,
    file: StoredFile<'_>,
    work: impl FnOnce(Place) -> Result<T, Unread> + Send + 'static,
) -> ApiResult<T> {
    let store = registered::local_store(app, file).await?;
    let (files, uri, folders) = (app.local_files.clone(), file.uri.to_owned(), store.folders);
    let found = blocking(file.uri, move || find(&files, &uri, &folders)).await?;
    let Some(found) = found else {
        return Err(missing(format!(
            "The file '{}' is not in the artifact store '{}'.",
            file.uri, store.name
        )));
    };
    let place = claims::without_those_of_others(app, file, found).await?;
    blocking(file.uri, move || work(place)).await
}

async fn blocking<T: Send + 'static>(
    uri: &str,
    work: impl FnOnce() -> Result<T, Unread> + Send + 'static,
) -> ApiResult<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "the reading of a file ended");
        ApiError::internal()
    })?;
    done.map_err(|unread| refusal(&unread, uri))
}

/// 404 for what isn't there in an artifact store.
pub(crate) fn missing(message: impl Into<String>) -> ApiError {
    ApiError::does_not_exist(message)
}

fn refusal(unread: &Unread, uri: &str) -> ApiError {
    let message = format!("The file '{uri}' is not read: {unread}.");
    match unread {
        Unread::NotAllowed | Unread::TooLarge(_) | Unread::TooMany(_) => ApiError::illegal(message),
        Unread::Missing => missing(message),
        Unread::Io(error) => {
            tracing::error!(%error, uri, "a file of an artifact store can't be read");
            ApiError::internal()
        }
    }
}

/// A folder that an artifact store is in.
#[derive(Debug, Clone)]
enum Folder {
    At(PathBuf),
    /// One with the store's id for a name: where that is depends on the client.
    Named(Arc<str>),
}

/// The file, if it is in one of these folders.
fn find(files: &LocalFiles, uri: &str, folders: &[Folder]) -> Result<Option<FoundFile>, Unread> {
    let place = files.place(uri)?;
    let Some(root) = files.roots().pop() else { return Err(Unread::NotAllowed) };
    let path = root.join(place.path());
    let holder = folders.iter().find_map(|folder| match folder {
        Folder::At(folder) => {
            let resolved = folder.is_absolute().then(|| folder.canonicalize().ok()).flatten()?;
            path.starts_with(&resolved).then(|| (resolved, Some(folder.clone())))
        }
        Folder::Named(name) => {
            path.ancestors().find(|path| is_named(path, name)).map(|path| (path.into(), None))
        }
    });
    let Some((folder, given)) = holder else { return Ok(None) };
    let rest = path.strip_prefix(&folder).unwrap_or(Path::new("")).to_owned();
    // A store may be in the whole root, or in more.
    let (store_path, rest_of_root) = match folder.strip_prefix(&root) {
        Ok(store_path) => (store_path.to_owned(), rest),
        Err(_) => (PathBuf::new(), place.path().to_owned()),
    };
    let below_roots = files.roots().into_iter().map(|root| root.join(&store_path));
    let given = given.filter(|_| folder.starts_with(&root));
    let folders = below_roots.chain(given).collect();
    Ok(Some(FoundFile { place, folders, store_path, rest: rest_of_root }))
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|last| last == name)
}

fn by_id(id: Id) -> sea_query::SelectStatement {
    use sea_query::{Expr, ExprTrait};
    ComponentRow::select().and_where(Expr::col("id").eq(id)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_within_its_store() {
        let id = "00000000-0000-0000-0000-000000000007";
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        for path in ["a/x", "ab/x", &format!("any/{id}/x"), "any/other/x"] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(root.join("ab"), root.join("a/link")).unwrap();
        std::os::unix::fs::symlink(root.join("a"), root.join("alias")).unwrap();
        let files = LocalFiles::new(Some(root.clone()));
        let at = |path: &str| root.join(path).to_str().unwrap().to_owned();
        let is_within = |path: &str, folder: Folder| {
            find(&files, &at(path), &[folder])
                .ok()
                .flatten()
                .map(|found| found.rest.to_str().unwrap().to_owned())
        };
        let a = || Folder::At(root.join("a"));
        assert_eq!(is_within("a/x", a()).as_deref(), Some("x"));
        assert_eq!(is_within("a//./x", a()).as_deref(), Some("x"));
        assert_eq!(is_within("alias/x", a()).as_deref(), Some("x"));
        assert_eq!(is_within("a", a()).as_deref(), Some(""));
        assert_eq!(is_within("ab/x", a()), None);
        assert_eq!(is_within("a/link/x", a()), None, "a link out of the store");
        assert_eq!(is_within("a/x", Folder::At("a".into())), None);
        assert_eq!(is_within("a/x", Folder::At("/".into())).as_deref(), Some("a/x"));
        assert_eq!(is_within(&format!("any/{id}/x"), Folder::Named(id.into())).as_deref(), Some("x"));
        assert_eq!(is_within("any/other/x", Folder::Named(id.into())), None);
    }
}
