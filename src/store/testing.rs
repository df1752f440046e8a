//! What the store's own tests share.

use super::{BatchRow, Cells, Store};
use crate::config::Config;

/// A row of a table that has a key and one more column.
#[derive(Debug)]
pub struct Turn(pub String);

impl BatchRow for Turn {
    const TABLE: &'static str = "zendo_turn";
    const COLUMNS: &'static [&'static str] = &["name", "taken"];

    fn put(&self, cells: &mut Cells) {
        cells.text(&self.0);
        cells.integer(7);
    }
}

/// A new SQLite store without a table, and the folder that it is in.
pub async fn unmigrated() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.zendo.data_dir = folder.path().to_owned();
    (Store::connect(&config).await.unwrap(), folder)
}
