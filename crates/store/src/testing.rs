//! What the store's own tests share.

use std::time::Duration;

use super::{BatchRow, Cells, Location, Options, Store};

/// A row of a table that has a key and one more column.
#[derive(Debug)]
pub(crate) struct Turn(pub(crate) String);

impl BatchRow for Turn {
    const TABLE: &'static str = "zendo_turn";
    const COLUMNS: &'static [&'static str] = &["name", "taken"];

    fn put(&self, cells: &mut Cells) {
        cells.text(&self.0);
        cells.integer(7);
    }
}

/// A new SQLite store without a table, and the folder that it is in.
pub(crate) async fn unmigrated() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        location: Location::Sqlite { path: folder.path().join("zendo.db") },
        pool_size: 20,
        max_overflow: 20,
        statement_limit: Duration::from_secs(20),
        plans: None,
    };
    (Store::connect(&options).await.unwrap(), folder)
}
