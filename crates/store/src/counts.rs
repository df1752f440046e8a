//! How many rows a list has. To count them all costs more than to fetch a page of them, and grows with the table: so
//! the length of a long list is remembered for a moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_query::{Expr, Func, MysqlQueryBuilder, Query, SelectStatement, SqliteQueryBuilder};

use super::{Engine, Store, StoreError};

/// For so long rows that another replica made or deleted may go uncounted; those of this one are counted at once.
const LIFE: Duration = Duration::from_secs(1);
/// A shorter list is counted each time, which costs next to nothing.
const LONG: u64 = 1_000;
const REMEMBERED: usize = 1_000;

/// The lengths of long lists, by the statement.
#[derive(Debug, Default)]
pub(super) struct Counts {
    writes: AtomicU64,
    lengths: Mutex<HashMap<String, Arc<Length>>>,
}

/// Whoever asks while somebody counts waits for that.
type Length = tokio::sync::Mutex<Option<Counted>>;

#[derive(Debug)]
struct Counted {
    length: u64,
    /// The writes that came before.
    writes: u64,
    since: Instant,
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
        if lengths.len() >= REMEMBERED {
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
    /// written past this store in the last second may be missing.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn count(&self, select: &SelectStatement) -> Result<u64, StoreError> {
        let count = counting(select);
        let sql = match self.engine() {
            Engine::Sqlite => count.to_string(SqliteQueryBuilder),
            Engine::MySql => count.to_string(MysqlQueryBuilder),
        };
        let length = match self.counts.of_long(&sql) {
            Some(length) => length,
            None => match self.number(&counting_at_most(select, LONG)).await? {
                number if number < LONG => return Ok(number),
                _ => self.counts.remember(&sql),
            },
        };
        let mut length = length.lock().await;
        let writes = self.counts.writes.load(Ordering::SeqCst);
        let known = length.as_ref().filter(|known| known.writes == writes && known.since.elapsed() < LIFE);
        if let Some(known) = known {
            return Ok(known.length);
        }
        let since = Instant::now();
        let number = self.number(&count).await?;
        *length = Some(Counted { length: number, writes, since });
        if number < LONG {
            self.counts.lock().remove(&sql);
        }
        Ok(number)
    }

    async fn number(&self, count: &SelectStatement) -> Result<u64, StoreError> {
        Ok(self.fetch_optional::<(i64,)>(count).await?.map_or(0, |(number,)| number.unsigned_abs()))
    }
}

fn counting(select: &SelectStatement) -> SelectStatement {
    select.clone().clear_selects().expr(Func::count(Expr::col("id"))).to_owned()
}

fn counting_at_most(select: &SelectStatement, most: u64) -> SelectStatement {
    let first = select.clone().clear_selects().column("id").limit(most).to_owned();
    Query::select().expr(Func::count(Expr::col("id"))).from_subquery(first, "first").to_owned()
}
