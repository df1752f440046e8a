//! The database. The only room that knows which engine it is on: everyone else sees one [`Store`],
//! and queries written with sea-query, which are made into the engine's words here.

mod batch;
mod bounds;
mod cache;
mod clock;
mod connect;
mod counts;
mod dates;
mod folded;
mod group_commit;
mod in_ids;
mod insert;
mod join;
mod kill;
mod lease;
mod lock;
mod lookups;
mod made;
mod matching;
mod migrate;
mod numbered;
mod options;
mod passing;
mod plans;
mod pool;
mod presence;
mod python_json;
mod reads;
mod row;
mod rows;
mod shared_secret;
mod statements;
mod sweep;
#[cfg(test)]
mod testing;
mod together;
mod transaction;
mod types;
mod update;
mod upkeep;
mod values;
mod wire;
mod word;
mod writability;
mod write_behind;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counts::Counts;
use futures_util::future::BoxFuture;
use group_commit::Writer;
use pool::{Pool, Rank};
use rows::Rows;
use sea_query::{Expr, ExprTrait, MysqlQueryBuilder, SelectStatement, SimpleExpr, SqliteQueryBuilder};
use sea_query_sqlx::{SqlxBinder, SqlxValues};
use sqlx::mysql::MySqlRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, MySql, Sqlite};
use together::Question;
use wire::Amount;
use writability::Writability;

pub use batch::{BatchRow, Beside, Cells};
pub use bounds::TooLong;
pub use cache::Cache;
pub use connect::ConnectError;
pub use counts::number_of_rows;
pub use dates::Span;
pub use folded::{folded, tidied};
pub use in_ids::InIds;
pub use insert::Insert;
pub use join::JoinById;
pub use lookups::{Lookups, Round};
pub use matching::ids_where;
pub use migrate::{MigrationError, ZENML_REVISION};
pub use numbered::NumberedIds;
pub use options::{Location, Options, Server, Tls};
pub use passing::passing;
pub use python_json::python_json;
pub use reads::Reads;
pub use row::{Owned, Stored, select_computed};
pub use together::together;
pub use transaction::{AsStoreError, Committed, Transaction, WriteStatement, is_lost_race};
pub use types::{Base64Json, Id, JsonText, SecretText, Timestamp};
pub use update::Update;
pub use values::Values;
pub use word::{Word, Words};
pub use write_behind::WriteBehind;

/// How long connections may take to close; what they had to write is written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(6);

/// What a query can end in besides rows.
pub type StoreError = sqlx::Error;

/// Whether a unique key refused a row: the name, or whatever must not be twice, is taken.
pub fn is_duplicate(error: &StoreError) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Whether a foreign key refused a row: what it refers to isn't there.
pub fn is_dangling(error: &StoreError) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

/// Whether a value was longer than its column, by MySQL's own word: which one it was is not told.
pub fn is_too_long(error: &StoreError) -> bool {
    mysql_number(error) == Some(1406)
}

/// The value that its column can't hold, if that is what went wrong.
pub fn too_long(error: &StoreError) -> Option<&TooLong> {
    match error {
        StoreError::Encode(error) => error.downcast_ref(),
        _ => None,
    }
}

/// Whether the query was ended before it was done: it took longer than its session allows, or nobody waited for it.
///
/// MariaDB 1969, MySQL 3024 (time limit), 1317 (killed), SQLITE_INTERRUPT (9).
pub fn is_ended(error: &StoreError) -> bool {
    match mysql_number(error) {
        Some(number) => matches!(number, 1317 | 1969 | 3024),
        None => sqlite_code(error) == Some(9),
    }
}

/// The number of an error that SQLite told, without what its extended codes add.
fn sqlite_code(error: &StoreError) -> Option<i32> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code)?;
    Some(code.parse::<i32>().ok()? & 0xff)
}

/// The number of an error that MySQL told.
fn mysql_number(error: &StoreError) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?;
    Some(error.number())
}

/// A row that reads the same from both engines.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow> + Send + Unpin {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    MySql,
}

impl Engine {
    /// The moment in what a DATETIME of this engine holds, never earlier: MySQL's has whole seconds.
    pub fn not_before(self, moment: Timestamp) -> Timestamp {
        match self {
            Self::Sqlite => moment,
            Self::MySql => moment.ceil_second(),
        }
    }

    /// The moment for a column that holds an earlier one, as [`Engine::not_before`]: within one of MySQL's whole
    /// seconds too, each one is later than the one before.
    pub fn after(self, column: &'static str, moment: Timestamp) -> SimpleExpr {
        let moment = self.not_before(moment);
        match self {
            Self::Sqlite => moment.into(),
            Self::MySql => {
                let next = Expr::cust(format!("DATE_ADD(`{column}`, INTERVAL 1 SECOND)"));
                Expr::case(Expr::col(column).gte(moment), next).finally(moment).into()
            }
        }
    }
}

/// One database, on either engine.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
    /// Where it is, for people; without its password.
    description: String,
    /// Connections that MySQL's pool is meant to have; more are its overflow.
    pool_size: u32,
    /// Which connections this clone may take.
    rank: Rank,
    reads: Arc<AtomicU64>,
    counts: Arc<Counts>,
    lookups: Arc<Lookups>,
    writability: Arc<Writability>,
}

/// How many connections to MySQL there are. SQLite is a file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    pub total: u32,
    /// At work for a query.
    pub active: u32,
    /// Beyond the pool's size.
    pub overflow: u32,
}

#[derive(Debug, Clone)]
enum Pools {
    /// SQLite has one writer at a time: these wait in a queue instead of in each other's way.
    Sqlite {
        reader: Arc<Pool<Sqlite>>,
        writer: Arc<Writer>,
        path: PathBuf,
    },
    MySql(Arc<Pool<MySql>>),
}

impl Store {
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::MySql(_) => Engine::MySql,
        }
    }

    /// The same store by connections that dear queries don't take, for the cheap ones that somebody's way in or out
    /// hangs on: who signs in, which token is good, what is revoked. What it reads has to be an index walk.
    #[must_use]
    pub fn reserved(&self) -> Self {
        Self { rank: Rank::Reserved, ..self.clone() }
    }

    /// Which database this is, for a person to read.
    pub fn description(&self) -> &str {
        &self.description
    }

    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    pub fn connections(&self) -> Connections {
        match &self.pools {
            Pools::Sqlite { .. } => Connections::default(),
            Pools::MySql(pool) => {
                let (total, idle) = pool.sizes();
                let overflow = total.saturating_sub(self.pool_size);
                Connections { total, active: total.saturating_sub(idle), overflow }
            }
        }
    }

    /// How many queries were made outside of transactions, by all clones of this store.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Whether the database answers and is ZenML's.
    ///
    /// # Errors
    /// When it doesn't answer, or has no revision.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.is_seeded().await.map(drop)
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// When the database doesn't answer, or a row is not of the shape `R` says.
    pub async fn fetch_all<R: Row>(&self, query: &SelectStatement) -> Result<Vec<R>, StoreError> {
        self.rows(query, Amount::All).await?.all()
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn fetch_optional<R: Row>(&self, query: &SelectStatement) -> Result<Option<R>, StoreError> {
        self.rows(query, Amount::First).await?.first()
    }

    // In a box: else each future that asks has the drivers' whole futures in its type, which the compiler then looks
    // through for each handler.
    fn rows<'a>(
        &'a self,
        query: &'a SelectStatement,
        amount: Amount,
    ) -> BoxFuture<'a, Result<Rows, StoreError>> {
        Box::pin(async move {
            self.reads.fetch_add(1, Ordering::Relaxed);
            Ok(match &self.pools {
                Pools::Sqlite { reader, .. } => {
                    let (sql, values) = sqlite(query);
                    Rows::Sqlite(together::ask(reader, self.rank, Question { sql, values, amount }).await?)
                }
                Pools::MySql(pool) => {
                    let (sql, values) = mysql(query);
                    let mut lease = pool.lease(self.rank).await.inspect_err(|error| self.note_away(error))?;
                    let fetched = lease.fetch(sql, values, amount).await;
                    Rows::MySql(fetched.inspect_err(|error| self.note_away(error))?)
                }
            })
        })
    }

    /// A database that could not be reached to read it can't be written either.
    fn note_away(&self, error: &StoreError) {
        if matches!(error, StoreError::Io(_)) {
            self.writability.note_failed(error);
        }
    }

    /// Ends all connections, and the queries that still run.
    pub async fn close(&self) {
        self.close_within(CLOSE_TIMEOUT).await;
    }

    /// As [`Store::close`], within so long.
    pub async fn close_within(&self, patience: Duration) {
        match &self.pools {
            Pools::Sqlite { reader, writer, .. } => {
                reader.close(patience / 2).await;
                writer.pool.close(patience / 2).await;
            }
            Pools::MySql(pool) => pool.close(patience).await,
        }
    }
}

fn sqlite(query: &impl SqlxBinder) -> (String, SqlxValues) {
    query.build_sqlx(SqliteQueryBuilder)
}

fn mysql(query: &impl SqlxBinder) -> (String, SqlxValues) {
    query.build_sqlx(MysqlQueryBuilder)
}
