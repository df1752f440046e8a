//! A file beside an embedded database that says that one was made there. A database file that has become empty looks like
//! one that is to be made; with this, the loss is told, and no server begins anew in its place.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{ConnectError, Pools, Store};

const SUFFIX: &str = ".made";
const TEXT: &str = "zendo has made the database beside this file. While this file is here, zendo makes no new one when \
                    that is lost or empty.\n";

/// The file whose name has that at its end.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// The file that says that the database was made.
pub(super) fn mark_of(database: &Path) -> PathBuf {
    beside(database, SUFFIX)
}

/// Refuses a database file that is empty or gone, though there was more: SQLite would make a new one, and delete the WAL
/// that may hold what the file lacks.
pub(super) fn check(database: &Path) -> Result<(), ConnectError> {
    let length = |path: &Path| path.metadata().map_or(0, |file| file.len());
    if length(database) > 0 {
        return Ok(());
    }
    let wal = beside(database, "-wal");
    let evidence = [mark_of(database), wal].into_iter().find(|path| length(path) > 0);
    match evidence {
        Some(evidence) => Err(ConnectError::Lost { database: database.to_owned(), evidence }),
        None => Ok(()),
    }
}

impl Store {
    /// Notes that the database is whole. Where that can't be written, the server runs without.
    pub fn note_made(&self) {
        let Pools::Sqlite { path, .. } = &self.pools else { return };
        let mark = mark_of(path);
        if let Err(error) = write_new(&mark) {
            tracing::warn!(%error, "{} can't be written", mark.display());
        }
    }
}

fn write_new(mark: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(mark) {
        Ok(mut file) => file.write_all(TEXT.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
