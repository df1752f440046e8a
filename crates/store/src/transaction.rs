//! Writes: one transaction, run again a bounded number of times when it loses against another one.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sea_query::{DeleteStatement, InsertStatement, SelectStatement, UpdateStatement};
use sea_query_sqlx::{SqlxBinder, SqlxValues};
use sqlx::mysql::MySql;

use super::group_commit::{Commit, Writing, is_undone};
use super::lease::Lease;
use super::rows::Rows;
use super::wire::Amount;
use super::{Engine, Pools, Row, Store, StoreError, bounds, mysql, mysql_number, sqlite, sqlite_code};
use zendo_tasks as tasks;

/// Runs of one write at most.
const ATTEMPTS: u32 = 10;

/// On SQLite, a write that loses later than this has waited for a lock that somebody holds for long, and would wait again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two runs on MySQL, from the third on, times their number: of many that lose against each other, one wins
/// each time.
const PAUSE: Duration = Duration::from_millis(2);

/// An open transaction on either engine.
pub struct Transaction {
    pub(super) on: OnEngine,
    /// Whether a row was changed.
    pub(super) has_written: bool,
}

pub(super) enum OnEngine {
    Sqlite(Writing),
    MySql(Lease<MySql>),
}

/// A statement that changes rows.
pub trait WriteStatement: SqlxBinder + Sync {}
impl WriteStatement for InsertStatement {}
impl WriteStatement for UpdateStatement {}
impl WriteStatement for DeleteStatement {}

impl Transaction {
    /// Runs a statement and returns how many rows it touched.
    ///
    /// # Errors
    /// When a constraint refuses it or the database doesn't answer.
    pub async fn execute(&mut self, statement: &impl WriteStatement) -> Result<u64, StoreError> {
        let (sql, values) = match &self.on {
            OnEngine::Sqlite(_) => sqlite(statement),
            OnEngine::MySql(_) => mysql(statement),
        };
        bounds::check(&sql, &values.0.0)?;
        self.run(sql, values).await
    }

    fn run(&mut self, sql: String, values: SqlxValues) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let touched = match &mut self.on {
                OnEngine::Sqlite(tx) => tx.execute(sql, values).await?,
                OnEngine::MySql(tx) => tx.execute(sql, values).await?,
            };
            self.has_written |= touched > 0;
            Ok(touched)
        })
    }

    /// The first row of a query, as this transaction sees it.
    ///
    /// # Errors
    /// As [`Store::fetch_optional`].
    pub async fn fetch_optional<R: Row>(&mut self, query: &SelectStatement) -> Result<Option<R>, StoreError> {
        self.rows(query, Amount::First).await?.first()
    }

    /// All rows of a query, as this transaction sees them.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn fetch_all<R: Row>(&mut self, query: &SelectStatement) -> Result<Vec<R>, StoreError> {
        self.rows(query, Amount::All).await?.all()
    }

    fn rows<'a>(
        &'a mut self,
        query: &'a SelectStatement,
        amount: Amount,
    ) -> BoxFuture<'a, Result<Rows, StoreError>> {
        Box::pin(async move {
            Ok(match &mut self.on {
                OnEngine::Sqlite(tx) => {
                    let (sql, values) = sqlite(query);
                    Rows::Sqlite(tx.fetch(sql, values, amount).await?)
                }
                OnEngine::MySql(tx) => {
                    let (sql, values) = mysql(query);
                    Rows::MySql(tx.fetch(sql, values, amount).await?)
                }
            })
        })
    }

    /// Makes the changes last. Dropping the transaction instead undoes them.
    ///
    /// # Errors
    /// When the database doesn't answer or refuses the changes.
    pub async fn commit<T>(self, value: T) -> Result<Committed<T>, StoreError> {
        let has_written = self.has_written;
        self.end().await?;
        Ok(Committed { value, has_written })
    }

    fn end(self) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            match self.on {
                OnEngine::Sqlite(tx) => tx.commit().await,
                OnEngine::MySql(tx) => tx.commit().await,
            }
        })
    }
}

/// The value of a transaction that was committed: there is no other way to have one.
pub struct Committed<T> {
    value: T,
    has_written: bool,
}

type Work<'a, T, E> = Box<dyn Fn(Transaction) -> BoxFuture<'a, Result<Committed<T>, E>> + Send + 'a>;

impl Store {
    /// Runs `work` with a transaction that it has to commit; an error undoes everything.
    ///
    /// `work` runs again after a deadlock, a lock timeout or a refused cluster certification, so it must have
    /// no effect outside the transaction.
    ///
    /// # Errors
    /// What `work` returns, or the store's own error after the last attempt.
    pub fn write<'a, T, E, W, F>(&'a self, work: W) -> BoxFuture<'a, Result<T, E>>
    where
        T: Send + 'a,
        E: From<StoreError> + AsStoreError + Send + 'a,
        W: Fn(Transaction) -> F + Send + 'a,
        F: Future<Output = Result<Committed<T>, E>> + Send + 'a,
    {
        let work = move |transaction| -> BoxFuture<'a, _> { Box::pin(work(transaction)) };
        Box::pin(self.write_in_box(Commit::Own, Box::new(work)))
    }

    /// As [`Store::write`], for what is short as a rule: on SQLite those that wait for each other share a commit. One that
    /// is long keeps those before it from hearing that they are done.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_sharing<'a, T, E, W, F>(&'a self, work: W) -> BoxFuture<'a, Result<T, E>>
    where
        T: Send + 'a,
        E: From<StoreError> + AsStoreError + Send + 'a,
        W: Fn(Transaction) -> F + Send + 'a,
        F: Future<Output = Result<Committed<T>, E>> + Send + 'a,
    {
        let work = move |transaction| -> BoxFuture<'a, _> { Box::pin(work(transaction)) };
        Box::pin(self.write_in_box(Commit::Shared, Box::new(work)))
    }

    // The same code whatever does the work.
    async fn write_in_box<'a, T, E>(&'a self, mut commit: Commit, work: Work<'a, T, E>) -> Result<T, E>
    where
        E: From<StoreError> + AsStoreError,
    {
        let (mut attempt, start) = (1, Instant::now());
        loop {
            let worked = match self.begin(commit).await {
                Ok(transaction) => work(transaction).await,
                Err(error) => Err(error.into()),
            };
            // Also after an error: of a lost connection nobody knows whether it was committed.
            self.counts.forget();
            match worked {
                Ok(Committed { value, has_written }) => {
                    if has_written {
                        self.writability.note_written();
                    }
                    return Ok(value);
                }
                Err(error) => {
                    let was_undone = error.as_store_error().is_some_and(is_undone);
                    if was_undone {
                        // Once is enough: whoever fails may come again, too.
                        commit = Commit::Own;
                    }
                    let may_win = self.engine() == Engine::MySql || was_undone || start.elapsed() < PATIENCE;
                    let may_win = may_win && attempt < ATTEMPTS;
                    if !may_win || !error.as_store_error().is_some_and(is_lost_race) {
                        error.as_store_error().inspect(|error| self.writability.note_failed(error));
                        return Err(error);
                    }
                    if self.engine() == Engine::MySql && attempt > 1 {
                        tokio::time::sleep(PAUSE * attempt).await;
                    }
                    attempt += 1;
                }
            }
        }
    }

    /// Runs one statement in a transaction of its own and returns how many rows it touched.
    ///
    /// # Errors
    /// When a constraint refuses it or the database doesn't answer.
    pub async fn execute(&self, statement: &impl WriteStatement) -> Result<u64, StoreError> {
        self.write(|mut tx| async move {
            let touched = tx.execute(statement).await?;
            tx.commit(touched).await
        })
        .await
    }

    pub(super) fn begin(&self, commit: Commit) -> BoxFuture<'_, Result<Transaction, StoreError>> {
        Box::pin(async move {
            let on = match &self.pools {
                Pools::Sqlite { writer, .. } => OnEngine::Sqlite(writer.begin(self.rank, commit).await?),
                Pools::MySql(pool) => OnEngine::MySql(pool.begin(self.rank, "BEGIN").await?),
            };
            // What is committed has to be felt here, by whoever has committed it.
            tasks::must_finish();
            Ok(Transaction { on, has_written: false })
        })
    }
}

/// Lets [`Store::write`] see whether an error is the store's own.
pub trait AsStoreError {
    fn as_store_error(&self) -> Option<&StoreError>;
}

impl AsStoreError for StoreError {
    fn as_store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

/// Whether a write lost against another one, so that the next attempt may succeed.
///
/// MySQL 1213 (deadlock, and Galera's certification failure), 1205 (lock timeout), 1020 (MariaDB 11.8: the row
/// changed since this transaction first read), SQLITE_BUSY (5) with its extended codes; and a commit that was shared in
/// vain.
pub fn is_lost_race(error: &StoreError) -> bool {
    if let Some(number) = mysql_number(error) {
        return matches!(number, 1020 | 1205 | 1213);
    }
    sqlite_code(error) == Some(5) || is_undone(error)
}
