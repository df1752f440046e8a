//! Reading files of artifact stores: of local ones, where the operator allows it.

use std::path::Path;

use serde::Deserialize;

use super::components::ComponentRow;
use crate::app::App;
use crate::framework::Resource;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::local_files::{Place, Unread};
use crate::store::Id;

/// A file or folder of an artifact store.
#[derive(Debug, Clone, Copy)]
pub struct StoredFile<'a> {
    pub store: Id,
    pub uri: &'a str,
}

#[derive(Debug, Default, Deserialize)]
struct LocalConfiguration {
    path: Option<String>,
}

/// Does something with a file of an artifact store, on a thread that may wait for a disk.
///
/// # Errors
/// 403 when no local files are read, or this one is too large; 404 when it isn't there, or not in that store; 501 for
/// a store that is not local.
pub async fn with_file<T: Send + 'static>(
    app: &App,
    file: StoredFile<'_>,
    work: impl FnOnce(Place) -> Result<T, Unread> + Send + 'static,
) -> ApiResult<T> {
    require_local(app, file).await?;
    let (files, uri) = (app.local_files.clone(), file.uri.to_owned());
    let done = tokio::task::spawn_blocking(move || files.place(&uri).and_then(work)).await;
    let done = done.map_err(|error| {
        tracing::error!(%error, "the reading of a file ended");
        ApiError::internal()
    })?;
    done.map_err(|unread| refusal(&unread, file.uri))
}

/// 404 for what isn't there in an artifact store.
pub fn missing(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::DoesNotExist, message)
}

fn refusal(unread: &Unread, uri: &str) -> ApiError {
    let message = format!("The file '{uri}' is not read: {unread}.");
    match unread {
        Unread::NotAllowed | Unread::TooLarge(_) => ApiError::new(ErrorKind::IllegalOperationError, message),
        Unread::Missing => missing(message),
        Unread::Io(error) => {
            tracing::error!(%error, uri, "a file of an artifact store can't be read");
            ApiError::internal()
        }
    }
}

/// The store is a local artifact store, and the file is in it.
async fn require_local(app: &App, file: StoredFile<'_>) -> ApiResult<()> {
    let StoredFile { store: id, uri } = file;
    let row = app.store.fetch_optional::<ComponentRow>(&by_id(id)).await?;
    let Some(store) = row.filter(|row| row.r#type == "artifact_store") else {
        return Err(missing(format!("There is no artifact store with the ID '{id}'.")));
    };
    if store.flavor != "local" {
        let message = format!(
            "This server reads no files of the artifact store '{}': it has no client for the flavor {}.",
            store.name, store.flavor
        );
        return Err(ApiError::new(ErrorKind::NotImplementedError, message));
    }
    if !app.local_files.are_read() {
        return Err(refusal(&Unread::NotAllowed, uri));
    }
    let configuration = store.configuration.0.as_deref().map_or("{}", serde_json::value::RawValue::get);
    let configuration: LocalConfiguration = serde_json::from_str(configuration).unwrap_or_default();
    if is_within(uri, configuration.path.as_deref().unwrap_or_default(), id) {
        Ok(())
    } else {
        Err(missing(format!("The file '{uri}' is not in the artifact store '{}'.", store.name)))
    }
}

fn by_id(id: Id) -> sea_query::SelectStatement {
    use sea_query::{Expr, ExprTrait};
    ComponentRow::select().and_where(Expr::col("id").eq(id)).to_owned()
}

/// Whether the file is in the store's folder. One without a configured path is in a folder with the store's id, where
/// that is depends on the client.
fn is_within(uri: &str, path: &str, store: Id) -> bool {
    let uri = Path::new(uri);
    match path {
        "" => {
            let id = store.to_string();
            uri.components().any(|part| part.as_os_str() == id.as_str())
        }
        path => uri.starts_with(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_within_its_store() {
        let store = Id(uuid::Uuid::from_u128(7));
        for (uri, path, expected) in [
            ("/stores/a/x", "/stores/a", true),
            ("/stores/ab/x", "/stores/a", false),
            ("/stores/a", "/stores/a/", true),
            ("s3://b/x", "/stores/a", false),
            ("/any/00000000-0000-0000-0000-000000000007/x", "", true),
            ("/any/00000000-0000-0000-0000-000000000008/x", "", false),
        ] {
            assert_eq!(is_within(uri, path, store), expected, "{uri} {path}");
        }
    }
}
