//! SQLite's writer: one transaction at a time, and one commit for several of them.
//!
//! A commit takes as long as all that was written before it: it waits for the disk, and each page that was touched is
//! written as a whole, though the next transaction touches the same one. So a short transaction behind which others wait
//! leaves its commit to whoever comes last of these, as long as they are short, too. Each is a savepoint, so that one that
//! fails takes nothing of the others along; and each is told that it is durable only when it is. If the commit fails, or
//! SQLite undoes everything by itself, none of it was: whoever wrote it hears [`Undone`], and runs again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sea_query_sqlx::SqlxValues;
use sqlx::sqlite::SqliteRow;
use sqlx::{IntoArguments, Sqlite};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

use super::StoreError;
use super::lease::Lease;
use super::pool::{ACQUIRE_TIMEOUT, Pool, Rank};
use super::wire::Amount;

const BEGIN: &str = "BEGIN IMMEDIATE";
/// What the first has written stays, whatever becomes of the second; and so on.
const SECOND: &str = "SAVEPOINT one";
const NEXT: &str = "RELEASE one; SAVEPOINT one";
const UNDO: &str = "ROLLBACK TO one";

/// A transaction whose commit it shared with others was undone with theirs.
#[derive(Debug, thiserror::Error)]
#[error("another write has undone this one")]
pub(super) struct Undone;

impl From<Undone> for StoreError {
    fn from(undone: Undone) -> Self {
        Self::AnyDriverError(Box::new(undone))
    }
}

/// Whether that is what happened.
pub(super) fn is_undone(error: &StoreError) -> bool {
    matches!(error, StoreError::AnyDriverError(error) if error.is::<Undone>())
}

/// Who may share a transaction's commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commit {
    /// Of any.
    Own,
    /// Of a transaction that takes no longer than others want to wait for it.
    Shared,
}

/// Writes one transaction after the other, in the order in which they come.
pub(super) struct Writer {
    pub pool: Arc<Pool<Sqlite>>,
    turn: Arc<Mutex<Option<Open>>>,
    waiting: AtomicUsize,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Writer").field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// What was written and is not committed yet, and who waits for that.
struct Open {
    lease: Lease<Sqlite>,
    written: Vec<oneshot::Sender<()>>,
    has_savepoint: bool,
}

type Turn = OwnedMutexGuard<Option<Open>>;

/// A transaction: its turn, and what it goes on with.
pub(super) struct Writing {
    writer: Arc<Writer>,
    commit: Commit,
    /// Both are there until it ends.
    turn: Option<Turn>,
    open: Option<Open>,
}

impl Writer {
    pub(crate) fn new(pool: Arc<Pool<Sqlite>>) -> Arc<Self> {
        Arc::new(Self { pool, turn: Arc::default(), waiting: AtomicUsize::new(0) })
    }

    /// Waits for the turn, and begins.
    pub(crate) async fn begin(self: &Arc<Self>, rank: Rank, commit: Commit) -> Result<Writing, StoreError> {
        let mut turn = self.turn().await?;
        let open = match turn.take() {
            Some(open) if commit == Commit::Shared => open.go_on().await?,
            before => {
                if let Some(before) = before {
                    turn = before.commit_in_task(turn).await?.1;
                }
                Open { lease: self.pool.begin(rank, BEGIN).await?, written: Vec::new(), has_savepoint: false }
            }
        };
        Ok(Writing { writer: Arc::clone(self), commit, turn: Some(turn), open: Some(open) })
    }

    /// Commits what is not yet, after everybody who waits now.
    async fn commit_last(self: Arc<Self>) {
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        if let Some(open) = turn.take()
            && let Err(error) = open.commit().await
        {
            tracing::debug!(%error, "the commit of several transactions has failed");
        }
    }

    async fn turn(&self) -> Result<Turn, StoreError> {
        let turn = Arc::clone(&self.turn);
        if let Ok(turn) = Arc::clone(&turn).try_lock_owned() {
            return Ok(turn);
        }
        let _waiting = Waiting::of(&self.waiting);
        timeout(ACQUIRE_TIMEOUT, turn.lock_owned()).await.map_err(|_| StoreError::PoolTimedOut)
    }
}

/// Somebody who waits for the turn.
struct Waiting<'l>(&'l AtomicUsize);

impl<'l> Waiting<'l> {
    fn of(count: &'l AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Open {
    /// Begins the next one.
    async fn go_on(mut self) -> Result<Self, StoreError> {
        let begun = self.lease.run(if self.has_savepoint { NEXT } else { SECOND }).await;
        begun.map_err(|_| Undone)?;
        self.has_savepoint = true;
        Ok(self)
    }

    /// Makes it last, and tells those who wait for that.
    async fn commit(self) -> Result<(), StoreError> {
        self.lease.commit().await?;
        for written in self.written {
            // Whoever has gone needs no word.
            let _ = written.send(());
        }
        Ok(())
    }

    /// As [`Open::commit`], though the caller goes: others have written too.
    async fn commit_in_task(self, turn: Turn) -> Result<(Result<(), StoreError>, Turn), StoreError> {
        let committing = tokio::spawn(async move { (self.commit().await, turn) });
        committing.await.map_err(|_| StoreError::PoolClosed)
    }
}

impl Writing {
    fn lease(&mut self) -> Result<&mut Lease<Sqlite>, StoreError> {
        self.open.as_mut().map(|open| &mut open.lease).ok_or(StoreError::PoolClosed)
    }

    /// As [`Lease::execute`].
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        values: impl IntoArguments<Sqlite>,
    ) -> Result<u64, StoreError> {
        self.lease()?.execute(sql, values).await
    }

    /// As [`Lease::fetch`].
    pub(crate) async fn fetch(
        &mut self,
        sql: String,
        values: SqlxValues,
        amount: Amount,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        self.lease()?.fetch(sql, values, amount).await
    }

    /// Makes the changes last: now, or with those of others who wait for their turn.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let (Some(mut turn), Some(mut open)) = (self.turn.take(), self.open.take()) else {
            return Err(StoreError::PoolClosed);
        };
        let is_followed = self.writer.waiting.load(Ordering::Relaxed) > 0;
        if self.commit == Commit::Own || !is_followed {
            return match open.written.is_empty() {
                true => open.commit().await,
                false => open.commit_in_task(turn).await?.0,
            };
        }
        if !open.lease.is_at_rest() {
            return Err(Undone.into());
        }
        let (written, is_durable) = oneshot::channel();
        open.written.push(written);
        let is_first = open.written.len() == 1;
        *turn = Some(open);
        drop(turn);
        if is_first {
            tokio::spawn(Arc::clone(&self.writer).commit_last());
        }
        Ok(is_durable.await.map_err(|_| Undone)?)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let (Some(mut turn), Some(mut open)) = (self.turn.take(), self.open.take()) else { return };
        // Alone, or with nothing that could be kept: the lease undoes it all, and the others run again.
        if open.written.is_empty() || !open.lease.is_at_rest() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if open.lease.run(UNDO).await.is_ok() {
                    *turn = Some(open);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use sea_query::Query;
    use tempfile::TempDir;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;
    use crate::testing::unmigrated;
    use crate::transaction::OnEngine;
    use crate::{Pools, Store, Transaction};

    async fn migrated() -> (Store, TempDir) {
        let (store, folder) = unmigrated().await;
        store.migrate().await.unwrap();
        (store, folder)
    }

    fn waiting(store: &Store) -> usize {
        let Pools::Sqlite { writer, .. } = &store.pools else { panic!("it is on SQLite") };
        writer.waiting.load(Ordering::Relaxed)
    }

    async fn insert(tx: &mut Transaction, name: &str) {
        let mut row = Query::insert().into_table("zendo_turn").columns(["name", "taken"]).to_owned();
        tx.execute(row.values_panic([name.into(), 1.into()])).await.unwrap();
    }

    async fn names(store: &Store) -> Vec<String> {
        let query = Query::select()
            .column("name")
            .from("zendo_turn")
            .order_by("name", sea_query::Order::Asc)
            .to_owned();
        store.fetch_all::<(String,)>(&query).await.unwrap().into_iter().map(|(name,)| name).collect()
    }

    /// Writes a name, again if it was undone.
    fn write(store: &Store, commit: Commit, name: String, succeeds: bool) -> JoinHandle<bool> {
        let store = store.clone();
        tokio::spawn(async move {
            let name = &name;
            let work = |mut tx| async move {
                insert(&mut tx, name).await;
                if succeeds { tx.commit(()).await } else { Err(StoreError::RowNotFound) }
            };
            let written = match commit {
                Commit::Own => store.write(work),
                Commit::Shared => store.write_sharing(work),
            };
            let is_written = written.await.is_ok();
            assert!(!is_written || names(&store).await.contains(name), "{name} is not durable");
            is_written
        })
    }

    /// How a transaction ends.
    enum End {
        Commit,
        Failure,
        /// SQLite has undone everything by itself, as when its disk is full.
        Rollback,
    }

    /// A transaction that holds the turn, one that will write `first`, and one that has begun behind it: it has written
    /// `second`, and is told how to end.
    struct Queue {
        turn: Transaction,
        first: JoinHandle<bool>,
        begun: oneshot::Receiver<()>,
        end: oneshot::Sender<End>,
    }

    impl Queue {
        async fn of(store: &Store) -> Self {
            let turn = store.begin(Commit::Shared).await.unwrap();
            let first = write(store, Commit::Shared, "first".to_owned(), true);
            wait_for(store, 1).await;
            let (begins, begun) = oneshot::channel();
            let (end, told) = oneshot::channel();
            let second = store.clone();
            tokio::spawn(async move {
                let mut tx = second.begin(Commit::Shared).await.unwrap();
                insert(&mut tx, "second").await;
                begins.send(()).unwrap();
                match told.await.unwrap() {
                    End::Commit => tx.commit(()).await.map(drop).unwrap(),
                    End::Failure => drop(tx),
                    End::Rollback => {
                        let OnEngine::Sqlite(writing) = &mut tx.on else { panic!("it is on SQLite") };
                        writing.lease().unwrap().run("ROLLBACK").await.unwrap();
                    }
                }
            });
            wait_for(store, 2).await;
            Self { turn, first, begun, end }
        }

        /// While the second one goes on, the first is neither durable nor done; afterwards it is both.
        async fn ends_with(self, end: End, store: &Store) {
            drop(self.turn);
            self.begun.await.unwrap();
            assert!(names(store).await.is_empty() && !self.first.is_finished());
            assert!(self.end.send(end).is_ok());
            assert!(self.first.await.unwrap());
        }
    }

    async fn wait_for(store: &Store, count: usize) {
        let waits = async {
            while waiting(store) != count {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), waits).await.unwrap();
    }

    #[tokio::test]
    async fn a_transaction_is_committed_with_the_one_behind_it() {
        let (store, _folder) = migrated().await;
        Queue::of(&store).await.ends_with(End::Commit, &store).await;
        assert_eq!(names(&store).await, ["first", "second"]);
    }

    #[tokio::test]
    async fn one_that_fails_takes_nothing_of_the_others_along() {
        let (store, _folder) = migrated().await;
        Queue::of(&store).await.ends_with(End::Failure, &store).await;
        assert_eq!(names(&store).await, ["first"]);
    }

    #[tokio::test]
    async fn what_was_undone_with_another_is_written_again() {
        let (store, _folder) = migrated().await;
        Queue::of(&store).await.ends_with(End::Rollback, &store).await;
        assert_eq!(names(&store).await, ["first"]);
    }

    #[tokio::test]
    async fn one_with_a_commit_of_its_own_first_commits_what_others_have_written() {
        let (store, _folder) = migrated().await;
        let queue = Queue::of(&store).await;
        let alone = store.clone();
        let own = tokio::spawn(async move {
            let mut tx = alone.begin(Commit::Own).await.unwrap();
            insert(&mut tx, "own").await;
            assert_eq!(names(&alone).await, ["first", "second"]);
            tx.commit(()).await.map(drop)
        });
        wait_for(&store, 3).await;
        queue.ends_with(End::Commit, &store).await;
        own.await.unwrap().unwrap();
        assert_eq!(names(&store).await, ["first", "own", "second"]);
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_has_hung_up() {
        let (store, _folder) = migrated().await;
        let mut tx = store.begin(Commit::Shared).await.unwrap();
        insert(&mut tx, "first").await;
        let gone = write(&store, Commit::Shared, "gone".to_owned(), true);
        wait_for(&store, 1).await;
        let first = tx.commit(());
        gone.abort();
        timeout(Duration::from_secs(60), first).await.unwrap().unwrap();
        assert_eq!(names(&store).await, ["first"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_others_do_what_was_told_is_so() {
        let (store, _folder) = migrated().await;
        let name = |number: usize| format!("{number:03}");
        let writes = (0..400).map(|number| {
            let commit = if number % 7 == 0 { Commit::Own } else { Commit::Shared };
            let write = write(&store, commit, name(number), number % 5 > 0);
            if number % 11 == 0 {
                write.abort();
            }
            write
        });
        let writes = join_all(writes.collect::<Vec<_>>()).await;
        let (told, gone): (Vec<_>, Vec<_>) =
            writes.into_iter().enumerate().partition(|(_, write)| write.is_ok());
        let told: Vec<String> = told
            .into_iter()
            .filter(|(_, write)| *write.as_ref().unwrap())
            .map(|(number, _)| name(number))
            .collect();
        let unknown: Vec<String> = gone.into_iter().map(|(number, _)| name(number)).collect();
        let mut there = names(&store).await;
        there.retain(|name| !unknown.contains(name));
        assert_eq!(there, told);
        assert!(told.len() > 200);
    }
}
