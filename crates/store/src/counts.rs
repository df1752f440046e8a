//! How many rows a list has. To count them all costs more than to fetch a page of them, and grows with the table: so
//! the length of a long list is remembered, for longer the longer it took to count.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_query::{
    Asterisk, Expr, Func, MysqlQueryBuilder, Query, SelectStatement, SimpleExpr, SqliteQueryBuilder,
};

use super::{Engine, Store, StoreError};

/// For so long rows that another replica made or deleted may go uncounted; those of this one are counted at once.
const LIFE: Duration = Duration::from_secs(1);
/// A list that is longer and takes longer to count is counted again after a multiple of that: so counting takes no more
/// than a small part of a core, however many rows are written and lists are asked for meanwhile.
const VERY_LONG: u64 = 10_000;
const DEAR: Duration = Duration::from_millis(5);
const REST: u32 = 20;
/// A length that is older is worth nothing, unless it takes so long to count.
const TOO_OLD: Duration = Duration::from_mins(1);
/// For so long somebody waits for a length that nobody has counted yet.
const PATIENCE: Duration = Duration::from_millis(300);
/// A shorter list is counted each time, which costs next to nothing.
const LONG: u64 = 1_000;
const REMEMBERED: usize = 1_000;

/// `COUNT(*)`: to count a column, SQLite would read each row for it, though an index has all else that is asked for.
pub fn number_of_rows() -> SimpleExpr {
    Func::count(Expr::col(Asterisk)).into()
}

/// The lengths of long lists, by the statement.
#[derive(Debug, Default)]
pub(super) struct Counts {
    writes: AtomicU64,
    lengths: Mutex<HashMap<String, Arc<Length>>>,
    /// Held by the one count that is made apart.
    apart: Arc<tokio::sync::Mutex<()>>,
}

/// Whoever asks while somebody counts waits for that.
#[derive(Debug, Default)]
struct Length {
    counted: tokio::sync::Mutex<Option<Counted>>,
    /// Nobody waits for it a second time.
    is_slow: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    length: u64,
    /// The writes that came before.
    writes: u64,
    since: Instant,
    took: Duration,
    /// When somebody last began to count again.
    again: Option<Instant>,
}

impl Counted {
    fn is_dear(&self) -> bool {
        self.length > VERY_LONG && self.took > DEAR
    }

    fn is_fresh(&self, writes: u64, is_slow: bool) -> bool {
        let rests = self.again.unwrap_or(self.since).elapsed() < self.took * REST;
        let is_dear = is_slow || self.is_dear();
        (is_dear && rests) || (self.writes == writes && self.since.elapsed() < LIFE)
    }
}

impl Counts {
    /// After each write, before whoever asked for it is told: a count that began earlier is good for nothing.
    pub(crate) fn forget(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    fn of_long(&self, sql: &str) -> Option<Arc<Length>> {
        self.lock().get(sql).cloned()
    }

    fn remember(&self, sql: &str) -> Arc<Length> {
        let mut lengths = self.lock();
        if lengths.len() >= REMEMBERED && !lengths.contains_key(sql) {
            lengths.clear();
        }
        Arc::clone(lengths.entry(sql.to_owned()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Length>>> {
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// How many rows a query has, if it is asked without a limit. Of a list longer than a thousand, rows that were
    /// written past this store in the last second may be missing; of one longer than ten thousand that takes long to
    /// count also others, mostly of no more than the last minute. None of a list that nobody has counted yet, and that is
    /// being counted.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn count(&self, select: &SelectStatement) -> Result<Option<u64>, StoreError> {
        let count = counting(select);
        let sql = self.counting_sql(&count);
        let length = match self.counts.of_long(&sql) {
            Some(length) => length,
            None => match self.number(&counting_at_most(select, LONG)).await? {
                number if number < LONG => return Ok(Some(number)),
                _ => self.counts.remember(&sql),
            },
        };
        let counted = self.count_long(count, length).await?;
        if counted.is_some_and(|length| length < LONG) {
            self.counts.lock().remove(&sql);
        }
        Ok(counted)
    }

    /// As [`Store::count`], but whoever asks waits until a list is counted that nobody has counted yet.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn count_all(&self, select: &SelectStatement) -> Result<u64, StoreError> {
        match self.count(select).await? {
            Some(number) => Ok(number),
            None => self.number(&counting(select)).await,
        }
    }

    async fn count_long(
        &self,
        count: SelectStatement,
        length: Arc<Length>,
    ) -> Result<Option<u64>, StoreError> {
        let mut known = length.counted.lock().await;
        let writes = self.counts.writes.load(Ordering::SeqCst);
        let is_slow = length.is_slow.load(Ordering::Relaxed);
        match *known {
            Some(known) if known.is_fresh(writes, is_slow) => return Ok(Some(known.length)),
            Some(old)
                if (is_slow || old.is_dear()) && old.since.elapsed() < TOO_OLD.max(old.took * REST * 2) =>
            {
                // Whoever asks meanwhile gets the old one too.
                *known = Some(Counted { again: Some(Instant::now()), ..old });
                drop(known);
                self.count_apart(count, length);
                return Ok(Some(old.length));
            }
            _ => {}
        }
        let in_time = match is_slow {
            true => None,
            false => tokio::time::timeout(PATIENCE, self.count_now(&count)).await.ok(),
        };
        let Some(counted) = in_time else {
            drop(known);
            length.is_slow.store(true, Ordering::Relaxed);
            self.count_apart(count, length);
            return Ok(None);
        };
        let counted = counted?;
        *known = Some(counted);
        Ok(Some(counted.length))
    }

    /// As [`Store::count`] of a list that is counted by looking at each row: without waiting for that. Whatever its
    /// length, it may be one of the last minute.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn count_later(&self, select: &SelectStatement) -> Result<Option<u64>, StoreError> {
        let count = counting(select);
        let length = self.counts.remember(&self.counting_sql(&count));
        length.is_slow.store(true, Ordering::Relaxed);
        self.count_long(count, length).await
    }

    /// Whether a query has more rows than that: costs no more than to read as many.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn has_more(&self, select: &SelectStatement, bound: u64) -> Result<bool, StoreError> {
        let first = select.clone().limit(bound + 1).to_owned();
        let count = Query::select().expr(number_of_rows()).from_subquery(first, "first").to_owned();
        Ok(self.number(&count).await? > bound)
    }

    fn counting_sql(&self, count: &SelectStatement) -> String {
        match self.engine() {
            Engine::Sqlite => count.to_string(SqliteQueryBuilder),
            Engine::MySql => count.to_string(MysqlQueryBuilder),
        }
    }

    async fn count_now(&self, count: &SelectStatement) -> Result<Counted, StoreError> {
        let writes = self.counts.writes.load(Ordering::SeqCst);
        let since = Instant::now();
        let length = self.number(count).await?;
        Ok(Counted { length, writes, since, took: since.elapsed(), again: None })
    }

    /// Counts for those who ask later, one list at a time. A count that fails leaves the old length to its age.
    fn count_apart(&self, count: SelectStatement, length: Arc<Length>) {
        let Ok(alone) = Arc::clone(&self.counts.apart).try_lock_owned() else { return };
        let store = self.clone();
        tokio::spawn(async move {
            let _alone = alone;
            if let Ok(counted) = store.count_now(&count).await {
                *length.counted.lock().await = Some(counted);
            }
        });
    }

    async fn number(&self, count: &SelectStatement) -> Result<u64, StoreError> {
        Ok(self.fetch_optional::<(i64,)>(count).await?.map_or(0, |(number,)| number.unsigned_abs()))
    }
}

fn counting(select: &SelectStatement) -> SelectStatement {
    select.clone().clear_selects().expr(number_of_rows()).to_owned()
}

fn counting_at_most(select: &SelectStatement, most: u64) -> SelectStatement {
    let first = select.clone().clear_selects().column("id").limit(most).to_owned();
    Query::select().expr(number_of_rows()).from_subquery(first, "first").to_owned()
}
