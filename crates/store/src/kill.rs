//! Ending queries of MySQL and MariaDB: by a time limit of each session, and by a word from another connection.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::pool::Progress;
use super::{StoreError, passing};

const KILL_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a text that is made of many rows: MySQL cuts it off after a thousand otherwise ([`super::numbered`]).
const LONGEST_TEXT: usize = 1 << 20;
const SERVER: &str = "SELECT CAST(CONCAT(@@hostname, ':', @@port) AS CHAR)";

/// Ends queries that run on other connections.
#[derive(Debug)]
pub(super) struct Killer(pub MySqlConnectOptions);

impl Killer {
    /// Ends what runs on a connection, if that can be: else its time limit does.
    pub(crate) async fn kill(&self, progress: &Progress) {
        let id = progress.connection.load(Ordering::Relaxed);
        if id == 0 {
            return;
        }
        let server = progress.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match tokio::time::timeout(KILL_TIMEOUT, self.tell(id, &server)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a query that nobody waits for could not be ended"),
            Err(_) => tracing::warn!("a query that nobody waits for could not be ended in time"),
        }
    }

    async fn tell(&self, id: u64, server: &str) -> Result<(), StoreError> {
        let mut connection = self.0.connect().await?;
        // Another server of a cluster has another query by that number.
        let reached: String = sqlx::query_scalar(SERVER).fetch_one(&mut connection).await?;
        if reached == server {
            connection.execute(AssertSqlSafe(format!("KILL QUERY {id}"))).await?;
        }
        connection.close().await
    }
}

/// Notes which connection this is, and bounds the time of its statements. A server that knows no such words does
/// without.
///
/// # Errors
/// When the server can't work, such as a cluster's node that is not ready.
pub(super) async fn introduce(
    connection: &mut MySqlConnection,
    progress: &Progress,
    limit: Duration,
) -> Result<(), StoreError> {
    let id = sqlx::query_scalar::<_, u64>("SELECT CAST(CONNECTION_ID() AS UNSIGNED)");
    let id = id.fetch_one(&mut *connection).await;
    let server = sqlx::query_scalar::<_, String>(SERVER).fetch_one(&mut *connection).await;
    match (id, server) {
        (Ok(id), Ok(server)) => {
            *progress.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
            progress.connection.store(id, Ordering::Relaxed);
        }
        (Err(error), _) | (_, Err(error)) if passing(&error).is_some() => return Err(error),
        _ => progress.connection.store(0, Ordering::Relaxed),
    }
    limit_statements(connection, limit).await;
    see_what_is_committed(connection).await;
    Ok(())
}

/// Lets each statement of a transaction see what is committed by then, and lock rows, not what lies between them: of
/// several that look for a name which isn't there yet, and then make one, none waits for another. A server that logs
/// statements rather than rows can't do so, and goes on as it is.
async fn see_what_is_committed(connection: &mut MySqlConnection) {
    const LOGS_STATEMENTS: &str = "SELECT CAST(@@log_bin AND @@binlog_format = 'STATEMENT' AS SIGNED)";
    let logs_statements = sqlx::query_scalar::<_, i64>(LOGS_STATEMENTS).fetch_one(&mut *connection).await;
    if matches!(logs_statements, Ok(1)) {
        return;
    }
    if let Err(error) = connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await {
        tracing::debug!(%error, "transactions see what was committed before them");
    }
}

/// Bounds the time of each statement to come; zero is no bound. Texts of many rows are bounded too, with the same words.
pub(super) async fn limit_statements(connection: &mut MySqlConnection, limit: Duration) {
    let (seconds, milliseconds) = (limit.as_secs(), limit.as_millis());
    let texts = format!("group_concat_max_len = {LONGEST_TEXT}");
    // MariaDB's word for all statements, then MySQL's for those that read.
    let of_mariadb = format!("SET SESSION max_statement_time = {seconds}, {texts}");
    if let Err(error) = connection.execute(AssertSqlSafe(of_mariadb)).await {
        tracing::debug!(%error, "no max_statement_time here");
        let of_mysql = format!("SET SESSION max_execution_time = {milliseconds}, {texts}");
        if let Err(error) = connection.execute(AssertSqlSafe(of_mysql)).await {
            tracing::debug!(%error, "no max_execution_time here");
        }
    }
}
