//! An engine's connections: how they are opened, and asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Database, Either, Execute, Executor, MySql, MySqlConnection,
    Sqlite, SqliteConnection,
};

use super::kill::introduce;
use super::pool::Progress;
use super::{Engine, StoreError, plans};

/// Steps of SQLite's machine between two looks at whether anybody still waits for the query: a fraction of a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 4_000;

/// What MySQL is given to say that it has ended a statement.
const ANSWER_LEEWAY: Duration = Duration::from_secs(2);

pub(super) trait Wire: Database {
    /// How to connect.
    type Link: Send + Sync + 'static;
    const ENGINE: Engine;
    /// Whether a network is between, which may swallow what is asked.
    const IS_REMOTE: bool;
    /// Whether a connection that was idle for so long is asked if it is still there.
    const DOUBT: Option<Duration>;
    /// How long one connection is used.
    const LIFE: Duration;

    /// The longest that an answer takes which still comes.
    fn longest(link: &Self::Link) -> Duration;

    fn connect(
        link: &Self::Link,
        progress: &Arc<Progress>,
    ) -> impl Future<Output = Result<Self::Connection, StoreError>> + Send;

    fn run(
        connection: &mut Self::Connection,
        statement: &'static str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How many rows the statement touched.
    fn execute(
        connection: &mut Self::Connection,
        sql: String,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    fn fetch(
        connection: &mut Self::Connection,
        sql: String,
        arguments: Self::Arguments,
        amount: Amount,
    ) -> impl Future<Output = Result<Vec<Self::Row>, StoreError>> + Send;

    /// What is wrong with the plan of a read.
    fn faults(
        connection: &mut Self::Connection,
        sql: &str,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// Statements that are prepared on the connection, where a server counts them.
    fn prepared(connection: &Self::Connection) -> usize;
}

/// How many of a query's rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    All,
    First,
}

impl Wire for Sqlite {
    type Link = SqliteConnectOptions;
    const ENGINE: Engine = Engine::Sqlite;
    const IS_REMOTE: bool = false;
    /// A file needs no test of whether it still answers, which would cost each query a turn of the connection's thread.
    const DOUBT: Option<Duration> = None;
    const LIFE: Duration = Duration::MAX;

    fn longest(_: &SqliteConnectOptions) -> Duration {
        Duration::MAX
    }

    async fn connect(
        options: &SqliteConnectOptions,
        progress: &Arc<Progress>,
    ) -> Result<SqliteConnection, StoreError> {
        let mut connection = options.connect().await?;
        let progress = Arc::clone(progress);
        let may_go_on = move || progress.may_go_on();
        connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_LOOKS, may_go_on);
        Ok(connection)
    }

    async fn run(connection: &mut SqliteConnection, statement: &'static str) -> Result<(), StoreError> {
        ask(connection, sqlx::raw_sql(statement), |_| Ok(true)).await.map(drop)
    }

    async fn execute(
        connection: &mut SqliteConnection,
        sql: String,
        arguments: SqliteArguments,
    ) -> Result<u64, StoreError> {
        ask(connection, sqlx::query_with(AssertSqlSafe(sql), arguments), |_| Ok(true)).await
    }

    async fn fetch(
        connection: &mut SqliteConnection,
        sql: String,
        arguments: SqliteArguments,
        amount: Amount,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let mut rows = Vec::new();
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        ask(connection, query, |row| {
            rows.push(row);
            Ok(amount == Amount::All)
        })
        .await?;
        Ok(rows)
    }

    async fn faults(
        connection: &mut SqliteConnection,
        sql: &str,
        arguments: SqliteArguments,
    ) -> Result<Vec<String>, StoreError> {
        plans::sqlite_faults(connection, sql, arguments).await
    }

    fn prepared(_: &SqliteConnection) -> usize {
        0
    }
}

/// The rows of each of so many statements in one text. The end of each has to be heard, as in [`ask`].
pub(super) async fn fetch_each(
    connection: &mut SqliteConnection,
    sql: String,
    arguments: SqliteArguments,
    statements: usize,
    answers: &mut Vec<Vec<SqliteRow>>,
) -> Result<(), StoreError> {
    let mut results = connection.fetch_many(sqlx::query_with(AssertSqlSafe(sql), arguments));
    let mut rows = Vec::new();
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Left(_) => answers.push(std::mem::take(&mut rows)),
            Either::Right(row) => rows.push(row),
        }
    }
    if answers.len() == statements { Ok(()) } else { Err(StoreError::WorkerCrashed) }
}

/// Gives each row to `take`, until that wants no more, and tells how many were changed.
///
/// The thread of a connection ends where there is no memory for a row. What it has sent before must not pass for all
/// there is, and a statement that was never run not for one that was: so the end of each statement has to be heard.
async fn ask<'q>(
    connection: &mut SqliteConnection,
    query: impl Execute<'q, Sqlite> + 'q,
    mut take: impl FnMut(SqliteRow) -> Result<bool, StoreError>,
) -> Result<u64, StoreError> {
    let mut answers = connection.fetch_many(query);
    let mut changed = None;
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(done) => changed = Some(changed.unwrap_or(0) + done.rows_affected()),
            Either::Right(row) => {
                if !take(row)? {
                    return Ok(0);
                }
            }
        }
    }
    changed.ok_or(StoreError::WorkerCrashed)
}

/// How to connect to MySQL.
pub(super) struct MySqlLink {
    pub options: MySqlConnectOptions,
    pub statement_limit: Duration,
}

impl Wire for MySql {
    type Link = MySqlLink;
    const ENGINE: Engine = Engine::MySql;
    const IS_REMOTE: bool = true;
    const DOUBT: Option<Duration> = Some(Duration::from_secs(1));
    /// Behind a name or a balancer there may be another server by then.
    const LIFE: Duration = Duration::from_secs(30 * 60);

    /// The server ends what takes longer, and says so.
    fn longest(link: &MySqlLink) -> Duration {
        link.statement_limit + ANSWER_LEEWAY
    }

    async fn connect(link: &MySqlLink, progress: &Arc<Progress>) -> Result<MySqlConnection, StoreError> {
        let mut connection = link.options.connect().await?;
        introduce(&mut connection, progress, link.statement_limit).await?;
        Ok(connection)
    }

    async fn run(connection: &mut MySqlConnection, statement: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(statement).execute(connection).await.map(drop)
    }

    async fn execute(
        connection: &mut MySqlConnection,
        sql: String,
        arguments: MySqlArguments,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(connection).await?;
        Ok(done.rows_affected())
    }

    async fn fetch(
        connection: &mut MySqlConnection,
        sql: String,
        arguments: MySqlArguments,
        amount: Amount,
    ) -> Result<Vec<MySqlRow>, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        match amount {
            Amount::All => query.fetch_all(connection).await,
            Amount::First => Ok(query.fetch_optional(connection).await?.into_iter().collect()),
        }
    }

    async fn faults(
        connection: &mut MySqlConnection,
        sql: &str,
        arguments: MySqlArguments,
    ) -> Result<Vec<String>, StoreError> {
        plans::mysql_faults(connection, sql, arguments).await
    }

    fn prepared(connection: &MySqlConnection) -> usize {
        connection.cached_statements_size()
    }
}
