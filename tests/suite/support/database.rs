//! A database for one test, on either engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::mysql::MySqlPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection};

use super::OwnMariaDb;

/// Names the MariaDB that `tests/run` starts, as `mysql://user:password@host:port`.
const MARIADB: &str = "ZENDO_TEST_MARIADB";

/// New and empty; gone with the test and the last server on it.
#[derive(Debug, Clone)]
pub struct Database {
    folder: Arc<tempfile::TempDir>,
    /// Of MariaDB; SQLite lives in the folder.
    url: Option<String>,
}

/// The right to write, which nobody else has.
pub enum Held {
    Sqlite(sqlx::SqliteConnection),
    MariaDb(sqlx::MySqlConnection),
}

impl Held {
    pub async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::MariaDb(connection) => connection.close().await.unwrap(),
        }
    }
}

impl Database {
    pub fn sqlite() -> Self {
        Self { folder: Arc::new(tempfile::tempdir().unwrap()), url: None }
    }

    /// None, said out loud, when there is no MariaDB.
    pub async fn mariadb(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var(MARIADB) else {
            super::missing("MariaDB", "run tests/run, which starts one");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let short: String = test.chars().take(40).collect();
        let name = format!("t{}_{number}_{short}", std::process::id());
        let mut connection = sqlx::MySqlConnection::connect(&server).await.unwrap();
        let sql = format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        let statistics = include_str!("../../mariadb_statistics.sql").replace("{database}", &name);
        sqlx::raw_sql(AssertSqlSafe(statistics)).execute(&mut connection).await.unwrap();
        Some(Self { folder: Arc::new(tempfile::tempdir().unwrap()), url: Some(format!("{server}/{name}")) })
    }

    /// That of a server of a test's own, which nobody tells numbers of tables.
    pub fn on(server: &OwnMariaDb) -> Self {
        Self { folder: Arc::new(tempfile::tempdir().unwrap()), url: Some(server.url().to_owned()) }
    }

    pub fn is_mariadb(&self) -> bool {
        self.url.is_some()
    }

    /// The variables that tell a server to use this database.
    pub fn variables(&self) -> Vec<(String, String)> {
        let folder = self.folder.path().display().to_string();
        let mut variables = vec![("ZENDO_DATA_DIR".to_owned(), folder)];
        variables.push((
            "ZENDO_PLANS".to_owned(),
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans.txt").to_owned(),
        ));
        variables.extend(self.url.iter().map(|url| ("ZENML_STORE_URL".to_owned(), url.clone())));
        variables
    }

    /// The URL as ZenML writes it.
    pub fn url(&self) -> String {
        match &self.url {
            Some(url) => url.clone(),
            None => format!("sqlite:///{}", self.sqlite_path().display()),
        }
    }

    pub fn sqlite_path(&self) -> std::path::PathBuf {
        self.folder.path().join("zendo.db")
    }

    /// Runs a statement behind the server's back.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            Some(url) => {
                let pool = MySqlPoolOptions::new().max_connections(1).connect(url).await.unwrap();
                sqlx::raw_sql(sql).execute(&pool).await.unwrap();
            }
            None => {
                let options =
                    SqliteConnectOptions::new().filename(self.sqlite_path()).create_if_missing(true);
                let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
                sqlx::raw_sql(sql).execute(&pool).await.unwrap();
            }
        }
    }

    /// Keeps everybody else from leaving a record in the audit, and on SQLite from writing anything, until it is released.
    pub async fn hold_writes(&self) -> Held {
        match &self.url {
            Some(url) => {
                let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
                sqlx::raw_sql("LOCK TABLES zendo_audit READ").execute(&mut connection).await.unwrap();
                Held::MariaDb(connection)
            }
            None => {
                let options = SqliteConnectOptions::new().filename(self.sqlite_path());
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                Held::Sqlite(connection)
            }
        }
    }

    /// The first column of all rows, as text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            Some(url) => {
                let pool = MySqlPoolOptions::new().max_connections(1).connect(url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
            }
            None => {
                let options = SqliteConnectOptions::new().filename(self.sqlite_path());
                let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
            }
        }
    }

    pub async fn tables(&self) -> Vec<String> {
        let sql = match &self.url {
            Some(_) => {
                "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
                 WHERE table_schema = DATABASE() ORDER BY table_name"
            }
            None => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
        };
        self.texts(sql).await
    }

    /// Each row of each table, to see whether anything was changed.
    pub async fn contents(&self) -> Vec<(String, Vec<String>)> {
        let mut contents = Vec::new();
        for table in self.tables().await {
            let (quote, columns) = match &self.url {
                Some(_) => (
                    '`',
                    format!(
                        "SELECT CAST(column_name AS CHAR) FROM information_schema.columns \
                         WHERE table_schema = DATABASE() AND table_name = '{table}'"
                    ),
                ),
                None => ('"', format!("SELECT name FROM pragma_table_info('{table}')")),
            };
            let columns = self.texts(&columns).await;
            let columns: Vec<_> =
                columns.iter().map(|column| format!("QUOTE({quote}{column}{quote})")).collect();
            let columns = columns.join(", ");
            let rows = format!(
                "SELECT CAST(CONCAT_WS(',', {columns}) AS CHAR) FROM {quote}{table}{quote} ORDER BY 1"
            );
            let rows = self.texts(&rows).await;
            contents.push((table, rows));
        }
        contents
    }
}
