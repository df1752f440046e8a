//! Files that belong to another project: a row of it has named them, or a folder that they are in.
//!
//! Whoever has a token for some projects names any file they like in a row of their own. So they read what no other
//! project has named before them. What another one has named later, within a folder that they have named, is left out
//! of it: neither takes the other's away.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use sea_query::{Cond, Expr, ExprTrait, Query as Sql, SelectStatement};
use uuid::Uuid;

use super::{FoundFile, StoredFile};
use crate::app::App;
use crate::auth::AuthenticationError;
use crate::http::error::{ApiError, ApiResult};
use crate::local_files::Place;
use crate::store::{Id, JoinById, Store, StoreError, Timestamp};

/// Folders that a file is in at most.
const DEEPEST: usize = 64;
/// Rows that name something within a folder at most, if it is to be read.
const MOST_WITHIN: usize = 1000;

/// Rows whose names may look like a file's.
const MOST_ALIKE: usize = 100;

/// Where rows name files: a table, its column, and the table that knows the project.
const NAMED: [(&str, &str, &str); 4] = [
    ("artifact_version", "uri", "artifact_version"),
    ("artifact_visualization", "uri", "artifact_version"),
    ("logs", "uri", "logs"),
    ("pipeline_snapshot", "code_path", "pipeline_snapshot"),
];

/// A row's project, since when it is there, its id, and what it names.
type Claim = (Id, Timestamp, Id, String);

/// The place, without what within it other projects have named.
///
/// # Errors
/// 403 when it is another project's; the store's own.
pub(super) async fn without_those_of_others(
    app: &App,
    file: StoredFile<'_>,
    found: FoundFile,
) -> ApiResult<Place> {
    let Some(projects) = file.projects else { return Ok(found.place) };
    let anothers = || ApiError::from(AuthenticationError::OtherProject);
    if found.rest.components().count() > DEEPEST {
        return Err(anothers());
    }
    if is_claimed(&app.store, &names(&found), projects, file.since).await? {
        return Err(anothers());
    }
    let prefixes: Vec<String> =
        found.folders.iter().flat_map(|folder| spellings(&folder.join(&found.rest))).collect();
    let mut within = BTreeSet::new();
    for claim in claims_within(&app.store, &prefixes).await? {
        let (Id(project), created, row, uri) = claim;
        let Some(below) = prefixes.iter().find_map(|prefix| below(&uri, prefix)) else { continue };
        match projects.contains(&project) {
            true => {}
            false if (created, row) < file.since => return Err(anothers()),
            false => drop(within.insert(found.store_path.join(&found.rest).join(below))),
        }
    }
    let mut place = found.place;
    place.hide(within);
    Ok(place)
}

/// The ways in which the file is named, and each folder in the store that it is in. Nobody names a whole store.
fn names(found: &FoundFile) -> Vec<String> {
    let within = found.rest.ancestors().filter(|path| !path.as_os_str().is_empty());
    let paths = within.flat_map(|path| found.folders.iter().map(move |folder| folder.join(path)));
    paths.flat_map(|path| spellings(&path)).flat_map(|name| [format!("{name}/"), name]).collect()
}

/// As a path and as a URL. What is no text is named by no row.
fn spellings(path: &Path) -> Vec<String> {
    // What is joined with nothing ends with a slash.
    let path = path.to_str().map(|path| path.trim_end_matches('/'));
    path.map_or_else(Vec::new, |path| vec![path.to_owned(), format!("file://{path}")])
}

/// What of a name is below a folder.
fn below(uri: &str, folder: &str) -> Option<PathBuf> {
    let rest = Path::new(uri.strip_prefix(folder)?.strip_prefix('/')?);
    let parts = rest.components().filter(|part| matches!(part, Component::Normal(_)));
    Some(parts.collect::<PathBuf>()).filter(|path| !path.as_os_str().is_empty())
}

fn claims((table, column, owner): (&'static str, &'static str, &'static str)) -> SelectStatement {
    let mut select = Sql::select();
    let columns = [(owner, "project_id"), (table, "created"), (table, "id"), (table, column)];
    select.columns(columns).from(table);
    if owner != table {
        select.join_by_id(owner, (table, "artifact_version_id"));
    }
    select
}

/// Whether another project's row has one of these names, and had it before.
async fn is_claimed(
    store: &Store,
    names: &[String],
    projects: &BTreeSet<Uuid>,
    since: (Timestamp, Id),
) -> Result<bool, StoreError> {
    if names.is_empty() {
        return Ok(false);
    }
    for named @ (table, column, owner) in NAMED {
        let mut select = claims(named);
        select
            .and_where(Expr::col((table, column)).is_in(names.iter().map(String::as_str)))
            .and_where(Expr::col((owner, "project_id")).is_not_in(projects.iter().copied().map(Id)))
            .and_where(Expr::col((table, "created")).lte(since.0))
            .limit(MOST_ALIKE as u64);
        let found: Vec<Claim> = store.fetch_all(&select).await?;
        // A collation takes `/S/A` for `/s/a`, which is another file.
        if found.len() == MOST_ALIKE
            || found.iter().any(|(_, created, row, uri)| (*created, *row) < since && names.contains(uri))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rows that name something below one of these folders, and perhaps some that don't: a collation may put others between.
async fn claims_within(store: &Store, folders: &[String]) -> ApiResult<Vec<Claim>> {
    let mut all = Vec::new();
    for named @ (table, column, _) in NAMED {
        let mut within = Cond::any();
        for folder in folders {
            // `0` comes right after `/`.
            let column = || Expr::col((table, column));
            within = within.add(column().gte(format!("{folder}/")).and(column().lt(format!("{folder}0"))));
        }
        let mut select = claims(named);
        select.cond_where(within).limit(MOST_WITHIN as u64 + 1);
        all.extend(store.fetch_all::<Claim>(&select).await?);
        if all.len() > MOST_WITHIN {
            let message = format!(
                "More than {MOST_WITHIN} things are in this folder: a token for some projects reads a smaller one."
            );
            return Err(ApiError::illegal(message));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_folder_is_told_from_what_is_beside_it() {
        let below = |uri: &str| below(uri, "/s/a").map(|path| path.to_str().unwrap().to_owned());
        assert_eq!(below("/s/a/x").as_deref(), Some("x"));
        assert_eq!(below("/s/a//x/./y/").as_deref(), Some("x/y"));
        for beside in ["/s/a", "/s/a/", "/s/ab/x", "/s/a0", "s/a/x"] {
            assert_eq!(below(beside), None, "{beside}");
        }
    }
}
