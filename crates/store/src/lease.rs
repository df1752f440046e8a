//! A connection while one query, or one transaction, has it. One that is dropped while a query runs ends the query: SQLite
//! looks into a flag every so many steps, and MySQL is told `KILL QUERY` by another connection. The connection goes back
//! to its slot only when that is over, and everything that was not committed is undone.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sea_query::Values;
use sea_query_sqlx::SqlxValues;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, IntoArguments, Sqlite};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::pool::{Kept, Place, Pool, TIDY_TIMEOUT, UNTIL_TOLD_AGAIN, silent};
use super::together::Question;
use super::wire::{Amount, Wire, fetch_each};
use super::{Engine, StoreError, is_lost_race, passing};

/// A connection for one query, or for one transaction. Dropping it while a query runs ends the query; what was not
/// committed is undone.
pub(super) struct Lease<DB: Wire> {
    /// Both are there until it is dropped.
    kept: Option<Kept<DB>>,
    place: Option<Place<DB>>,
    in_transaction: bool,
    is_sound: bool,
}

impl<DB: Wire> Lease<DB> {
    pub(crate) fn new(kept: Kept<DB>, place: Place<DB>) -> Self {
        Self { kept: Some(kept), place: Some(place), in_transaction: false, is_sound: true }
    }

    /// The same as a transaction, which that statement begins.
    pub(crate) async fn begun(mut self, statement: &'static str) -> Result<Self, StoreError> {
        // Before it has, since nobody knows what a statement has done that was cut short.
        self.in_transaction = true;
        self.run(statement).await?;
        Ok(self)
    }

    /// The connection for a query that begins now; [`Lease::end`] tells that it is over.
    pub(crate) fn start(&mut self) -> Result<&mut DB::Connection, StoreError> {
        self.ask().map(|(connection, _)| connection)
    }

    fn ask(&mut self) -> Result<(&mut DB::Connection, &Arc<Pool<DB>>), StoreError> {
        let (Some(kept), Some(place)) = (&mut self.kept, &mut self.place) else {
            return Err(StoreError::PoolClosed);
        };
        // Before the look at whether the store is closed: of the two, one sees the other.
        place.note_running(true);
        if place.slot().progress.closed.load(Ordering::SeqCst) {
            place.note_running(false);
            return Err(StoreError::PoolClosed);
        }
        Ok((&mut kept.connection, &place.pool))
    }

    /// Notes how the query ended, and hands its outcome on.
    pub(crate) fn end<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(place) = &mut self.place {
            place.note_running(false);
        }
        if let Err(error) = &outcome {
            self.is_sound &= leaves_sound::<DB>(error);
        }
        outcome
    }

    /// Runs a statement without values.
    pub(crate) async fn run(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let (connection, pool) = self.ask()?;
        let ran = pool.answer(DB::run(connection, statement)).await;
        self.end(ran)
    }

    /// Runs a statement, and returns how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        values: impl IntoArguments<DB>,
    ) -> Result<u64, StoreError> {
        let (connection, pool) = self.ask()?;
        let touched = pool.answer(DB::execute(connection, sql, values.into_arguments())).await;
        self.end(touched)
    }

    pub(crate) async fn fetch(
        &mut self,
        sql: String,
        values: SqlxValues,
        amount: Amount,
    ) -> Result<Vec<DB::Row>, StoreError>
    where
        SqlxValues: IntoArguments<DB>,
    {
        self.judge(&sql, &values).await?;
        let (connection, pool) = self.ask()?;
        let fetched = pool.answer(DB::fetch(connection, sql, values.into_arguments(), amount)).await;
        self.end(fetched)
    }

    /// Refuses a read whose plan isn't let through, where plans are looked at.
    async fn judge(&mut self, sql: &str, values: &SqlxValues) -> Result<(), StoreError>
    where
        SqlxValues: IntoArguments<DB>,
    {
        let (connection, pool) = self.ask()?;
        let new = pool.plans.as_ref().and_then(|plans| Some((plans, plans.new_to(sql, &values.0.0)?)));
        let Some((plans, decided)) = new else { return self.end(Ok(())) };
        let faults = DB::faults(connection, sql, values.clone().into_arguments()).await;
        let judged = faults.and_then(|faults| plans.judge(&decided, faults));
        self.end(judged)
    }

    /// Makes the changes last.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.run("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Whether the transaction is as its last statement has left it.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_sound && self.place.as_ref().is_some_and(|place| !place.is_running)
    }

    /// The connection itself, which is nobody's any more: for what changes its session.
    pub(crate) fn detach(mut self) -> Result<DB::Connection, StoreError> {
        self.kept.take().map(|kept| kept.connection).ok_or(StoreError::PoolClosed)
    }
}

impl Lease<Sqlite> {
    /// The rows of each read, in one turn of the connection's thread. The first that fails is the last of them.
    pub(crate) async fn fetch_each(
        &mut self,
        questions: &[Arc<Question>],
    ) -> Vec<Result<Vec<SqliteRow>, StoreError>> {
        if let [question] = questions {
            let Question { sql, values, amount } = &**question;
            return vec![self.fetch(sql.clone(), values.clone(), *amount).await];
        }
        let mut answers = Vec::with_capacity(questions.len());
        let failed = self.fetch_into(questions, &mut answers).await.err();
        answers.into_iter().map(Ok).chain(failed.map(Err)).collect()
    }

    async fn fetch_into(
        &mut self,
        questions: &[Arc<Question>],
        answers: &mut Vec<Vec<SqliteRow>>,
    ) -> Result<(), StoreError> {
        for question in questions {
            self.judge(&question.sql, &question.values).await?;
        }
        let sql: Vec<&str> = questions.iter().map(|question| question.sql.as_str()).collect();
        let values = questions.iter().flat_map(|question| question.values.0.0.iter().cloned());
        let (sql, values) = (sql.join(";"), SqlxValues(Values(values.collect())));
        let (connection, pool) = self.ask()?;
        let arguments = IntoArguments::<Sqlite>::into_arguments(values);
        let fetched = pool.answer(fetch_each(connection, sql, arguments, questions.len(), answers)).await;
        self.end(fetched)
    }
}

/// Whether a connection is in a known state after its query has failed so.
fn leaves_sound<DB: Wire>(error: &StoreError) -> bool {
    match error {
        StoreError::Protocol(_) => false,
        // MySQL's transactions are undone by its word. SQLite's may have been, by itself, which the next would not know.
        error if passing(error).is_some() => DB::ENGINE == Engine::MySql && is_lost_race(error),
        _ => true,
    }
}

impl<DB: Wire> Drop for Lease<DB> {
    fn drop(&mut self) {
        let (Some(kept), Some(place)) = (self.kept.take(), self.place.take()) else { return };
        if place.is_running {
            place.slot().progress.ended.store(true, Ordering::Relaxed);
        }
        if !place.is_running && !self.is_sound {
            return;
        }
        if !place.is_running && !self.in_transaction {
            place.keep(kept);
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            // Nobody else may use the connection before its query is over and undone.
            runtime.spawn(tidy(place, kept, self.in_transaction));
        }
    }
}

/// Ends the query that nobody waits for, undoes what was not committed, and gives the connection back.
async fn tidy<DB: Wire>(place: Place<DB>, mut kept: Kept<DB>, in_transaction: bool) {
    let tidied = async {
        if place.is_running
            && let Some(killer) = &place.pool.killer
        {
            let mut at_rest = pin!(kept.connection.ping());
            loop {
                killer.kill(&place.slot().progress).await;
                if let Ok(answered) = timeout(UNTIL_TOLD_AGAIN, &mut at_rest).await {
                    answered?;
                    break;
                }
            }
        }
        // What was told once too often meets this, not somebody's query.
        match in_transaction {
            true => DB::run(&mut kept.connection, "ROLLBACK").await,
            false => kept.connection.ping().await,
        }
    };
    let tidied = async { timeout(TIDY_TIMEOUT, tidied).await.unwrap_or_else(|_| Err(silent())) };
    if place.pool.answer(tidied).await.is_ok() {
        place.keep(kept);
    }
}
