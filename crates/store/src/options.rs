//! Where the database is, and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How a [`Store`](crate::Store) is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub location: Location,
    /// Connections that are kept open at most, together with `max_overflow`.
    pub pool_size: u32,
    pub max_overflow: u32,
    /// What MySQL ends a statement after: a request is over before; this is for where it can't tell.
    pub statement_limit: Duration,
    /// For the suite: each read's plan is judged, and one that gets slower as its table grows is refused. A file with the
    /// statements that are let through.
    pub plans: Option<PathBuf>,
}

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Location {
    /// Made when missing.
    Sqlite {
        path: PathBuf,
    },
    MySql(Box<Server>),
}

/// A database behind MySQL's protocol.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    pub port: u16,
    /// Letters, digits, `_`, `-` and `$`.
    pub database: String,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub tls: Tls,
}

/// How the connection to the database is protected.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Without TLS there is no connection.
    pub is_required: bool,
    /// The certificate has to be for the server's host.
    pub verify_host: bool,
    /// Path of a PEM file, or the PEM text itself; so are the next two.
    pub ca: Option<SecretString>,
    pub cert: Option<SecretString>,
    pub key: Option<SecretString>,
}

/// For people; without the password.
impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(formatter, "SQLite {}", path.display()),
            Self::MySql(server) => {
                write!(formatter, "MySQL {}:{}/{}", server.host, server.port, server.database)
            }
        }
    }
}
