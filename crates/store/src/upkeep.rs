//! What a database needs now and then.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Sqlite};

use super::made::beside;
use super::pool::Pool;
use super::{Pools, Store, StoreError};

/// Bytes that SQLite's WAL has in steady use: it is written from its beginning again after a thousand pages.
const WAL_IN_USE: u64 = 5 << 20;

impl Store {
    /// Closes connections that were not used for long, and makes SQLite's WAL small again after a reader or a write for
    /// whose sake it has grown.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn tend(&self) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Sqlite { reader, path, .. } => {
                reader.close_idle().await;
                truncate_wal(reader, path).await
            }
            Pools::MySql(pool) => {
                pool.close_idle().await;
                Ok(())
            }
        }
    }
}

async fn truncate_wal(pool: &Pool<Sqlite>, path: &Path) -> Result<(), StoreError> {
    let wal = tokio::fs::metadata(beside(path, "-wal")).await;
    if wal.is_ok_and(|wal| wal.len() <= WAL_IN_USE) {
        return Ok(());
    }
    // A connection of its own that waits for nobody: where somebody reads or writes, it isn't the moment.
    let options = SqliteConnectOptions::clone(pool.link()).busy_timeout(Duration::ZERO);
    let mut connection = options.connect().await?;
    let truncated = checkpoint(&mut connection).await;
    connection.close().await?;
    truncated
}

async fn checkpoint(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // The long part, which hinders no writer.
    let (_, pages, copied): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await?;
    if pages == copied {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await?;
    }
    Ok(())
}
