//! Opening the database that the settings name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::group_commit::Writer;
use super::kill::Killer;
use super::options::{Location, Options, Server, Tls};
use super::plans::Plans;
use super::pool::{ACQUIRE_TIMEOUT, Pool, Rank, silent};
use super::wire::MySqlLink;
use super::{Pools, Store, StoreError, folded, made, mysql_number, statements};

/// How long SQLite waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(8);
/// Each reader is a thread with a heap and a page cache of its own: more than two a core only wait for each other.
const SQLITE_READERS_PER_CORE: usize = 2;
const MAX_SQLITE_READERS: usize = 8;
/// Readers besides, for what is to be prompt.
const SQLITE_RESERVED: usize = 1;
/// One in so many connections to MySQL is reserved for what is to be prompt, and no less and no more than some.
const RESERVED_OF: usize = 4;
const LEAST_RESERVED: usize = 2;
const MOST_RESERVED: usize = 4;
/// Of each connection, in KiB: what the queries of a page of a hundred go through, some of them more than once.
const SQLITE_PAGE_CACHE: &str = "-2000";
/// Rows that a connection's thread reads on while nobody takes them: it seldom waits.
const ROWS_AHEAD: usize = 1_000;
/// Connections to MySQL, whatever the settings say.
const MOST_CONNECTIONS: u32 = 1_000;
/// MySQL's number for a database that isn't there.
const UNKNOWN_DATABASE: u16 = 1049;

/// Why the database can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the folder {path} of the database can't be made: {source}")]
    Folder { path: String, source: std::io::Error },
    #[error(
        "the database {} is empty or gone, though there was one ({} is there); nothing was changed. Bring it back from \
         a backup, or delete {} to begin a new server",
        .database.display(), .evidence.display(), .evidence.display()
    )]
    Lost { database: PathBuf, evidence: PathBuf },
    #[error("there is no database {database}")]
    Missing { database: String },
    #[error("the database {database} can't be opened: {source}")]
    Open { database: String, source: StoreError },
}

impl Store {
    /// Opens a database; an embedded one is made when missing, and one in the network where the account may.
    ///
    /// # Errors
    /// [`ConnectError`] when it can't be reached.
    pub async fn connect(options: &Options) -> Result<Self, ConnectError> {
        if let Location::Sqlite { path } = &options.location {
            made::check(path)?;
            make_private_folder(path)?;
        }
        let create = async {
            match &options.location {
                Location::Sqlite { path } => make_private_file(path).map_err(StoreError::Io),
                Location::MySql(server) => {
                    let created = create_database(server);
                    tokio::time::timeout(ACQUIRE_TIMEOUT, created).await.unwrap_or_else(|_| Err(silent()))
                }
            }
        };
        create
            .await
            .map_err(|source| ConnectError::Open { database: options.location.to_string(), source })?;
        Self::open(options).await
    }

    /// Opens a database, and makes none.
    ///
    /// # Errors
    /// [`ConnectError`] when it isn't there or can't be reached.
    pub async fn connect_existing(options: &Options) -> Result<Self, ConnectError> {
        let mut options = options.clone();
        if let Location::Sqlite { path } = &mut options.location {
            // Whoever is told that it isn't there should see where that is.
            *path = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
            let is_there = path.metadata().is_ok_and(|file| file.len() > 0);
            if !is_there {
                return Err(ConnectError::Missing { database: options.location.to_string() });
            }
        }
        Self::open(&options).await.map_err(|error| match error {
            ConnectError::Open { database, source } if mysql_number(&source) == Some(UNKNOWN_DATABASE) => {
                ConnectError::Missing { database }
            }
            error => error,
        })
    }

    async fn open(options: &Options) -> Result<Self, ConnectError> {
        let description = options.location.to_string();
        let pools = async {
            let plans =
                options.plans.as_deref().map(|path| Plans::of(path, &options.location)).transpose()?;
            match &options.location {
                Location::Sqlite { path } => connect_sqlite(path, options.pool_size, plans).await,
                Location::MySql(server) => connect_mysql(server, options, plans).await,
            }
        };
        let opened = pools.await;
        let pools = opened.map_err(|source| ConnectError::Open { database: description.clone(), source })?;
        Ok(Self {
            pools,
            description,
            pool_size: options.pool_size,
            rank: Rank::Shared,
            reads: Arc::default(),
            counts: Arc::default(),
            lookups: Arc::default(),
            writability: Arc::default(),
        })
    }
}

async fn connect_sqlite(path: &Path, pool_size: u32, plans: Option<Arc<Plans>>) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", SQLITE_PAGE_CACHE)
        .row_buffer_size(ROWS_AHEAD)
        .collation(folded::SQLITE_COLLATION, |a, b| folded(a).cmp(&folded(b)))
        .disable_statement_logging();
    let writer = Pool::new(options.clone(), 1, 0, None, plans.clone());
    // The database is opened now, so that whoever starts the server hears why it can't be.
    drop(writer.lease(Rank::Shared).await?);
    let shared = pool_size.min(sqlite_readers()).max(1);
    let readers = usize::try_from(shared).unwrap_or(1) + SQLITE_RESERVED;
    let reader = Pool::new(options, readers, SQLITE_RESERVED, None, plans);
    Ok(Pools::Sqlite { reader, writer: Writer::new(writer), path: path.to_owned() })
}

fn sqlite_readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let readers = (cores * SQLITE_READERS_PER_CORE).min(MAX_SQLITE_READERS);
    u32::try_from(readers).unwrap_or(1)
}

async fn connect_mysql(
    server: &Server,
    options: &Options,
    plans: Option<Arc<Plans>>,
) -> Result<Pools, StoreError> {
    let connection = mysql_options(server)?.database(&server.database);
    let most = options.pool_size.saturating_add(options.max_overflow).min(MOST_CONNECTIONS);
    let most = usize::try_from(most).unwrap_or(1);
    let reserved = (most / RESERVED_OF).clamp(LEAST_RESERVED, MOST_RESERVED);
    let link = MySqlLink { options: connection.clone(), statement_limit: options.statement_limit };
    let pool = Pool::new(link, most.max(reserved + 1), reserved, Some(Killer(connection)), plans);
    drop(pool.lease(Rank::Shared).await?);
    Ok(Pools::MySql(pool))
}

/// How to reach the server, without a database.
fn mysql_options(server: &Server) -> Result<MySqlConnectOptions, StoreError> {
    let mut options = MySqlConnectOptions::new()
        .host(&server.host)
        .port(server.port)
        .charset("utf8mb4")
        .statement_cache_capacity(statements::MOST + 1);
    if let Some(username) = &server.username {
        options = options.username(username);
    }
    if let Some(password) = &server.password {
        options = options.password(password.expose_secret());
    }
    Ok(with_tls(options, &server.tls)?.disable_statement_logging())
}

/// ZenML makes the database when it isn't there; an account that may not do so needs one that is.
async fn create_database(server: &Server) -> Result<(), StoreError> {
    let (options, database) = (mysql_options(server)?, &server.database);
    let existing = options.clone().database(database);
    if existing.connect().await.is_ok() {
        return Ok(());
    }
    let mut connection = options.connect().await?;
    // The name's characters were checked when the settings were read, so quoting is enough.
    let sql = format!("CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}

fn with_tls(mut options: MySqlConnectOptions, tls: &Tls) -> Result<MySqlConnectOptions, StoreError> {
    options = options.ssl_mode(match (tls.is_required, tls.verify_host, &tls.ca) {
        (false, ..) => MySqlSslMode::Preferred,
        (true, true, _) => MySqlSslMode::VerifyIdentity,
        (true, false, Some(_)) => MySqlSslMode::VerifyCa,
        (true, false, None) => MySqlSslMode::Required,
    });
    if let Some(ca) = &tls.ca {
        options = match Pem::of("SSL_CA", ca)? {
            Pem::Text(text) => options.ssl_ca_from_pem(text.into()),
            Pem::Path(path) => options.ssl_ca(path),
        };
    }
    if let Some(cert) = &tls.cert {
        options = match Pem::of("SSL_CERT", cert)? {
            Pem::Text(text) => options.ssl_client_cert_from_pem(text),
            Pem::Path(path) => options.ssl_client_cert(path),
        };
    }
    if let Some(key) = &tls.key {
        options = match Pem::of("SSL_KEY", key)? {
            Pem::Text(text) => options.ssl_client_key_from_pem(text),
            Pem::Path(path) => options.ssl_client_key(path),
        };
    }
    Ok(options)
}

enum Pem<'a> {
    Text(&'a str),
    /// Read for each connection, since such files are renewed.
    Path(&'a str),
}

/// What a PEM text has before each of its parts.
const PEM_START: &str = "-----BEGIN";

impl<'a> Pem<'a> {
    /// # Errors
    /// With the setting's name, when it names a file that can't be read or that holds something else.
    fn of(name: &str, setting: &'a SecretString) -> Result<Self, StoreError> {
        let text = setting.expose_secret();
        if text.contains(PEM_START) {
            return Ok(Self::Text(text));
        }
        let problem = match std::fs::read_to_string(text) {
            Ok(file) if file.contains(PEM_START) => return Ok(Self::Path(text)),
            Ok(_) => "it names a file without a PEM text".to_owned(),
            Err(error) => format!("it is no PEM text, and no file that can be read: {error}"),
        };
        Err(StoreError::Configuration(
            format!("ZENML_STORE_{name}, or its parameter in ZENML_STORE_URL: {problem}").into(),
        ))
    }
}

/// The folder and file hold password hashes and the signing secret: nobody else may read them.
fn make_private_folder(database: &Path) -> Result<(), ConnectError> {
    let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| ConnectError::Folder { path: folder.display().to_string(), source })
}

/// A new file gets mode 0600, and SQLite gives its journal files the mode of the database.
fn make_private_file(database: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(database).map(drop)
}
