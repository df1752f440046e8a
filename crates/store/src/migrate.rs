//! Bringing a database to the schema that this version expects: ZenML 0.98.0's tables, then zendo's own.

use std::path::PathBuf;
use std::time::Duration;

use sea_query::Query;
use sqlx::mysql::MySqlConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::kill::limit_statements;
use super::made::mark_of;
use super::pool::Rank;
use super::{Pools, Store, StoreError};

/// The revision in `alembic_version` that zendo speaks.
pub const ZENML_REVISION: &str = "0.98.0";

const SQLITE_SCHEMA: &str = include_str!("../../../migrations/sqlite/zenml_0.98.0.sql");
pub(super) const MYSQL_SCHEMA: &str = include_str!("../../../migrations/mysql/zenml_0.98.0.sql");
/// What ZenML's schema lacks for lists and deletions that don't get slower as tables grow. Made at each start, since
/// ZenML may have made the database.
const SQLITE_INDEXES: &str = include_str!("../../../migrations/sqlite/zendo_indexes.sql");
const MYSQL_INDEXES: &str = include_str!("../../../migrations/mysql/zendo_indexes.sql");
/// What SQLite's planner is told of all tables, whatever they hold: so that it always decides as the suite has seen it.
const SQLITE_STATISTICS: &str = include_str!("../../../migrations/sqlite/zendo_statistics.sql");
const ZENDO_MIGRATIONS_TABLE: &str = "zendo_migrations";
/// Seconds that a replica waits for another one that is making the schema.
const LOCK_TIMEOUT: i64 = 120;

/// Why a database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error(
        "the database is at ZenML revision {found}, and this zendo speaks revision {ZENML_REVISION} only; \
         nothing was changed. Bring it to {ZENML_REVISION} with ZenML {ZENML_REVISION} first, or give another database"
    )]
    UnknownRevision { found: String },
    #[error(
        "the database holds tables but no ZenML revision (found none, expected {ZENML_REVISION}), such as {table}; \
         nothing was changed. Give an empty database or one of ZenML {ZENML_REVISION}"
    )]
    ForeignTables { table: String },
    #[error(
        "the database holds no tables, though there was a server's ({} is there); nothing was changed. Bring it back \
         from a backup, or delete {} to begin a new server", .evidence.display(), .evidence.display()
    )]
    Lost { evidence: PathBuf },
    #[error("another process has been changing the schema for {LOCK_TIMEOUT} seconds; try again later")]
    Locked,
    #[error("the schema can't be made: {0}")]
    Sql(#[from] StoreError),
    #[error("zendo's own tables can't be made: {0}")]
    Zendo(#[from] sqlx::migrate::MigrateError),
}

/// What is to be done with a database, from what it holds.
#[derive(Debug, PartialEq)]
enum Found {
    Current,
    /// Empty, or left by a first start that was cut short.
    Unfinished,
}

impl Store {
    /// Whether the first start has already left its rows. The revision is stamped with them, so that no other
    /// server takes half a database for a whole one.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn is_seeded(&self) -> Result<bool, StoreError> {
        let query = Query::select().column("version_num").from("alembic_version").to_owned();
        Ok(self.fetch_optional::<(String,)>(&query).await?.is_some())
    }

    /// Whether a first start has left a whole database here. Nothing is changed.
    ///
    /// # Errors
    /// [`MigrationError`] for a database that isn't of this revision.
    pub async fn is_made(&self) -> Result<bool, MigrationError> {
        let (tables, revision) = match &self.pools {
            Pools::Sqlite { reader, .. } => {
                let mut lease = reader.lease(Rank::Shared).await?;
                let examined = examine_sqlite(lease.start()?).await;
                lease.end(examined)?
            }
            Pools::MySql(pool) => {
                let mut lease = pool.lease(Rank::Shared).await?;
                let examined = examine_mysql(lease.start()?).await;
                lease.end(examined)?
            }
        };
        Ok(judge(&tables, revision)? == Found::Current)
    }

    /// Makes or completes the schema. Safe to run on every replica at once.
    ///
    /// # Errors
    /// [`MigrationError`]; an unknown revision is left as it is.
    pub async fn migrate(&self) -> Result<(), MigrationError> {
        match &self.pools {
            Pools::Sqlite { reader, writer, path } => {
                let mark = mark_of(path);
                if mark.exists() && !self.is_made().await? {
                    return Err(MigrationError::Lost { evidence: mark });
                }
                let mut lease = writer.pool.lease(Rank::Shared).await?;
                // A migration is a transaction within this one, which the connection has to know of.
                let mut transaction = lease.start()?.begin_with("BEGIN IMMEDIATE").await?;
                migrate_sqlite(&mut transaction).await?;
                let committed = transaction.commit().await;
                lease.end(committed)?;
                // Connections read the statistics when they open.
                reader.drop_idle();
                Ok(())
            }
            Pools::MySql(pool) => {
                let mut connection = pool.detach().await?;
                limit_statements(&mut connection, Duration::ZERO).await;
                let migrated = migrate_mysql(&mut connection).await;
                // Closing the connection gives its lock and its session settings back in every case.
                connection.close().await?;
                migrated
            }
        }
    }
}

/// The tables that are there, and the revision that is stamped.
type Contents = (Vec<String>, Option<String>);

const REVISION: &str = "SELECT version_num FROM alembic_version";

async fn examine_sqlite(connection: &mut SqliteConnection) -> Result<Contents, StoreError> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&mut *connection)
    .await?;
    let revision = match has_revision_table(&tables) {
        true => sqlx::query_scalar(REVISION).fetch_optional(&mut *connection).await?,
        false => None,
    };
    Ok((tables, revision))
}

async fn examine_mysql(connection: &mut MySqlConnection) -> Result<Contents, StoreError> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE()",
    )
    .fetch_all(&mut *connection)
    .await?;
    let revision = match has_revision_table(&tables) {
        true => sqlx::query_scalar(REVISION).fetch_optional(&mut *connection).await?,
        false => None,
    };
    Ok((tables, revision))
}

async fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<(), MigrationError> {
    let (tables, revision) = examine_sqlite(&mut *connection).await?;
    let found = judge(&tables, revision)?;
    let mut zendo = sqlx_macros::migrate!("../../migrations/sqlite/zendo");
    zendo.dangerous_set_table_name(ZENDO_MIGRATIONS_TABLE);
    zendo.run_direct(None, connection, false).await?;
    if found == Found::Unfinished {
        sqlx::raw_sql(SQLITE_SCHEMA).execute(&mut *connection).await?;
    }
    sqlx::raw_sql(SQLITE_INDEXES).execute(&mut *connection).await?;
    set_statistics(connection).await
}

/// Somebody's ANALYZE would have left others, by the rows of that day.
async fn set_statistics(connection: &mut SqliteConnection) -> Result<(), MigrationError> {
    // The table is made so, and nothing is counted.
    sqlx::raw_sql("ANALYZE sqlite_schema").execute(&mut *connection).await?;
    let there: Vec<String> = sqlx::query_scalar(
        "SELECT 'INSERT INTO sqlite_stat1 VALUES (' || quote(tbl) || ', ' || quote(idx) || ', ' || quote(stat) || ')' \
         FROM sqlite_stat1",
    )
    .fetch_all(&mut *connection)
    .await?;
    let wanted: Vec<&str> = statements(SQLITE_STATISTICS).filter(|sql| sql.starts_with("INSERT")).collect();
    if there != wanted {
        sqlx::raw_sql(SQLITE_STATISTICS).execute(&mut *connection).await?;
        sqlx::raw_sql("ANALYZE sqlite_schema").execute(&mut *connection).await?;
    }
    Ok(())
}

/// MySQL commits each CREATE TABLE on its own. A first start that was cut short is taken up again: zendo's own
/// tables are there, a revision is not, since it is stamped with the first rows.
async fn migrate_mysql(connection: &mut MySqlConnection) -> Result<(), MigrationError> {
    let locked: Option<i64> =
        sqlx::query_scalar("SELECT GET_LOCK(CONCAT('zendo.', LEFT(SHA1(DATABASE()), 32)), ?)")
            .bind(LOCK_TIMEOUT)
            .fetch_one(&mut *connection)
            .await?;
    if locked != Some(1) {
        return Err(MigrationError::Locked);
    }
    let (tables, revision) = examine_mysql(&mut *connection).await?;
    let found = judge(&tables, revision)?;
    if begun_by_zendo(&tables) {
        // MySQL commits a table before the note that its migration is whole; one without is run again.
        let sql = format!("DELETE FROM {ZENDO_MIGRATIONS_TABLE} WHERE NOT success");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    let mut zendo = sqlx_macros::migrate!("../../migrations/mysql/zendo");
    zendo.dangerous_set_table_name(ZENDO_MIGRATIONS_TABLE);
    zendo.run_direct(None, connection, false).await?;
    if found == Found::Unfinished {
        for statement in statements(MYSQL_SCHEMA) {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
    }
    add_indexes(connection).await
}

/// MySQL knows no CREATE INDEX IF NOT EXISTS. It gives up a key of its own for an index that will do as well: whether
/// those are there is looked at afterwards.
async fn add_indexes(connection: &mut MySqlConnection) -> Result<(), MigrationError> {
    let (keys, own): (Vec<_>, Vec<_>) = statements(MYSQL_INDEXES).partition(|sql| sql.contains("INDEX `fk_"));
    for wanted in [own, keys] {
        let there: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT CAST(index_name AS CHAR) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND (index_name LIKE 'zendo\\_%' OR index_name LIKE 'fk\\_%')",
        )
        .fetch_all(&mut *connection)
        .await?;
        for statement in wanted {
            if !there.iter().any(|name| statement.contains(&format!("INDEX `{name}` "))) {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
            }
        }
    }
    Ok(())
}

fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").filter(|statement| !statement.trim().is_empty())
}

fn has_revision_table(tables: &[String]) -> bool {
    tables.iter().any(|table| table == "alembic_version")
}

fn begun_by_zendo(tables: &[String]) -> bool {
    tables.iter().any(|table| table == ZENDO_MIGRATIONS_TABLE)
}

fn judge(tables: &[String], revision: Option<String>) -> Result<Found, MigrationError> {
    match revision {
        Some(revision) if revision == ZENML_REVISION => return Ok(Found::Current),
        Some(found) => return Err(MigrationError::UnknownRevision { found }),
        None => {}
    }
    match tables.first() {
        Some(table) if !begun_by_zendo(tables) => Err(MigrationError::ForeignTables { table: table.clone() }),
        _ => Ok(Found::Unfinished),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(tables: &[&str], revision: Option<&str>) -> Result<Found, String> {
        let tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
        judge(&tables, revision.map(str::to_owned)).map_err(|error| error.to_string())
    }

    #[test]
    fn only_an_empty_begun_or_current_database_is_taken() {
        assert_eq!(judged(&[], None), Ok(Found::Unfinished));
        assert_eq!(judged(&["zendo_migrations", "user"], None), Ok(Found::Unfinished));
        assert_eq!(judged(&["alembic_version", "user"], Some("0.98.0")), Ok(Found::Current));
        let newer = judged(&["alembic_version"], Some("0.99.0")).unwrap_err();
        assert!(newer.contains("0.99.0") && newer.contains("0.98.0"), "{newer}");
        let foreign = judged(&["wp_posts"], None).unwrap_err();
        assert!(foreign.contains("wp_posts") && foreign.contains("0.98.0"), "{foreign}");
    }
}
