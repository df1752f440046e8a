//! Whether the store can be written, as the last write found it. What is promised for later, such as a token's record, is
//! not promised while it can't.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::group_commit::{Commit, is_undone};
use super::passing::{Unwritable, passing};
use super::{Store, StoreError, is_lost_race, mysql_number};

/// The turn that is taken to try whether the store can be written.
const TURN: &str = "writability";
/// How long whoever asks waits for a try.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two tries, however many ask.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(super) struct Writability {
    is_lost: AtomicBool,
    /// Why, if it is.
    reason: Mutex<&'static str>,
    /// Whether something was written since the last round.
    was_written: AtomicBool,
    /// When it was last tried; held by whoever tries.
    tried: tokio::sync::Mutex<Option<Instant>>,
}

impl Writability {
    /// A row was written, and is durable.
    pub(crate) fn note_written(&self) {
        self.was_written.store(true, Ordering::Relaxed);
        if self.is_lost() && self.is_lost.swap(false, Ordering::Relaxed) {
            tracing::info!("the database can be written again");
        }
    }

    pub(crate) fn note_failed(&self, error: &StoreError) {
        // A write that waited too long behind others, or lost against them, says nothing about the next one.
        let is_crowded = matches!(error, StoreError::PoolTimedOut | StoreError::PoolClosed)
            || is_undone(error)
            || (mysql_number(error).is_some() && is_lost_race(error));
        let Some(reason) = passing(error).filter(|_| !is_crowded) else { return };
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the database can't be written: {reason}");
        }
    }

    fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    fn error(&self) -> StoreError {
        Unwritable(*self.reason.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Store {
    /// Whether the store can be written, as far as is known. While the last write has failed this tries anew, so that it
    /// is known at once when it can.
    ///
    /// # Errors
    /// When it can't.
    pub async fn ensure_writable(&self) -> Result<(), StoreError> {
        match self.writability.is_lost() {
            false => Ok(()),
            true => Box::pin(self.try_again()).await,
        }
    }

    /// Finds out whether the store can be written when nothing was written since the last time.
    ///
    /// # Errors
    /// When it can't.
    pub async fn watch_writability(&self) -> Result<(), StoreError> {
        let was_written = self.writability.was_written.swap(false, Ordering::Relaxed);
        if was_written && !self.writability.is_lost() {
            return Ok(());
        }
        let mut tried = self.writability.tried.lock().await;
        let outcome = self.try_to_write().await;
        *tried = Some(Instant::now());
        match outcome {
            // It was said when it began.
            Err(error) if passing(&error).is_some() => Ok(()),
            outcome => outcome,
        }
    }

    async fn try_again(&self) -> Result<(), StoreError> {
        // Of many that ask, one tries.
        let Ok(mut tried) = self.writability.tried.try_lock() else { return Err(self.writability.error()) };
        if !self.writability.is_lost() {
            return Ok(());
        }
        if tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return Err(self.writability.error());
        }
        let outcome = timeout(PATIENCE, self.try_to_write()).await;
        *tried = Some(Instant::now());
        outcome.unwrap_or_else(|_| Err(self.writability.error()))
    }

    async fn try_to_write(&self) -> Result<(), StoreError> {
        let store = self.reserved();
        let written = async {
            let mut tx = store.begin(Commit::Own).await?;
            tx.take_turn(TURN).await?;
            tx.commit(()).await
        };
        match written.await {
            Ok(_) => {
                self.writability.note_written();
                Ok(())
            }
            Err(error) => {
                self.writability.note_failed(&error);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_query::Query;
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::Pools;
    use crate::pool::{Pool, Rank};
    use crate::testing::{Turn, unmigrated};

    async fn run(writer: &std::sync::Arc<Pool<sqlx::Sqlite>>, sql: &str) {
        let mut lease = writer.lease(Rank::Shared).await.unwrap();
        let ran = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(lease.start().unwrap()).await;
        lease.end(ran).unwrap();
    }

    #[tokio::test]
    async fn the_write_that_found_the_disk_full_leaves_no_trace_on_the_next_ones() {
        let (store, _folder) = unmigrated().await;
        store.migrate().await.unwrap();
        let Pools::Sqlite { writer, .. } = &store.pools else { panic!("no SQLite") };
        let writer = &writer.pool;
        let many: Vec<_> = (0..5_000).map(|number| Turn(format!("{number:0>60}"))).collect();
        for what in ["PRAGMA max_page_count = 1", "PRAGMA query_only = on"] {
            // It is the connection that is full or read-only here, so the next one isn't.
            run(writer, what).await;
            let error = store.insert_rows(&many).await.unwrap_err();
            assert!(passing(&error).is_some(), "{error}");
            assert!(store.writability.is_lost(), "{what}");
            // As if some time had gone by since the last try.
            *store.writability.tried.lock().await = None;
            store.ensure_writable().await.unwrap();
            assert!(!store.writability.is_lost(), "{what}");
            store.insert_rows(&many[..1]).await.unwrap();
        }
        let rows = Query::select().column("name").from("zendo_turn").to_owned();
        let rows: Vec<(String,)> = store.fetch_all(&rows).await.unwrap();
        assert_eq!(rows.len(), 2, "one that was tried, and one that was written");
    }

    #[tokio::test]
    async fn while_it_can_not_be_written_those_who_ask_are_told_at_once() {
        let (store, _folder) = unmigrated().await;
        // There are no tables, so no try succeeds.
        store.writability.note_failed(&Unwritable("it is full").into());
        store.ensure_writable().await.unwrap_err();
        let error = store.ensure_writable().await.unwrap_err();
        assert_eq!(passing(&error), Some("it is full"));
    }
}
