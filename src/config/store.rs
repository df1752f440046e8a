//! `ZENML_STORE_*`: which database, and how to reach it.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::ConfigError;
use super::value::{AtLeast, Flag, Secret, Setting, Text, optional, setting};

/// Names and defaults are those of ZenML 0.98.0's SQL store.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct StoreSettings {
    /// `mysql://`, `mysql+pymysql://` or `sqlite:///`; unset, the embedded database in the data folder.
    #[serde(deserialize_with = "optional")]
    pub url: Option<StoreUrl>,
    #[serde(deserialize_with = "optional")]
    pub username: Option<Text>,
    #[serde(deserialize_with = "optional")]
    pub password: Option<Secret>,
    #[serde(deserialize_with = "setting")]
    pub ssl: Flag,
    /// Path of a PEM file, or the PEM text itself; so are the next two.
    #[serde(deserialize_with = "optional")]
    pub ssl_ca: Option<Secret>,
    #[serde(deserialize_with = "optional")]
    pub ssl_cert: Option<Secret>,
    #[serde(deserialize_with = "optional")]
    pub ssl_key: Option<Secret>,
    #[serde(deserialize_with = "setting")]
    pub ssl_verify_server_cert: Flag,
    /// Connections that are kept open at most, together with `max_overflow`.
    #[serde(deserialize_with = "setting")]
    pub pool_size: AtLeast<1>,
    #[serde(deserialize_with = "setting")]
    pub max_overflow: AtLeast<0>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: None,
            username: None,
            password: None,
            ssl: Flag(false),
            ssl_ca: None,
            ssl_cert: None,
            ssl_key: None,
            ssl_verify_server_cert: Flag(false),
            pool_size: AtLeast(20),
            max_overflow: AtLeast(20),
        }
    }
}

/// A store's URL, whose text may hold a password and is never printed.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreUrl(Secret);

/// Where the database is.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreLocation {
    Sqlite { path: PathBuf },
    MySql { host: String, port: u16, database: String, username: Option<String>, password: Option<Secret> },
}

impl Setting for StoreUrl {
    const ACCEPTED: &'static str = "mysql://USER:PASSWORD@HOST:PORT/DATABASE, mysql+pymysql://... or \
                                    sqlite:///PATH (a mysql database's name has letters, digits, _, - and $)";
    const SECRET: bool = true;
    fn read(text: &str) -> Option<Self> {
        let url = Self(Secret::read(text)?);
        url.location().map(|_| url)
    }
}

impl StoreUrl {
    /// The database that the URL names.
    pub fn location(&self) -> Option<StoreLocation> {
        let text = self.0.0.expose_secret();
        if let Some(path) = text.strip_prefix("sqlite:///") {
            return (!path.is_empty()).then(|| StoreLocation::Sqlite { path: path.into() });
        }
        let url = url::Url::parse(text).ok()?;
        if !matches!(url.scheme(), "mysql" | "mysql+pymysql") {
            return None;
        }
        let decode = |part: &str| {
            percent_encoding::percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned())
        };
        let database = decode(url.path().trim_start_matches('/'))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
        if database.is_empty() || database.len() > 64 || !database.chars().all(is_name) {
            return None;
        }
        Some(StoreLocation::MySql {
            host: url.host_str().filter(|host| !host.is_empty())?.to_owned(),
            port: url.port().unwrap_or(3306),
            database,
            username: Some(decode(url.username())?).filter(|name| !name.is_empty()),
            password: match url.password() {
                Some(password) => Secret::read(&decode(password)?),
                None => None,
            },
        })
    }
}

impl StoreSettings {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.ssl_cert.is_some() != self.ssl_key.is_some() {
            let missing =
                if self.ssl_cert.is_some() { "ZENML_STORE_SSL_KEY" } else { "ZENML_STORE_SSL_CERT" };
            return Err(ConfigError::new(
                missing,
                "a client certificate needs both ZENML_STORE_SSL_CERT and ZENML_STORE_SSL_KEY; give this one too",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_both_engines_are_read() {
        let location = |text: &str| StoreUrl::read(text).and_then(|url| url.location());
        assert_eq!(
            location("sqlite:////var/lib/zendo.db"),
            Some(StoreLocation::Sqlite { path: "/var/lib/zendo.db".into() })
        );
        for scheme in ["mysql", "mysql+pymysql"] {
            assert_eq!(
                location(&format!("{scheme}://zen:p%40ss@db.example:3307/zenml")),
                Some(StoreLocation::MySql {
                    host: "db.example".into(),
                    port: 3307,
                    database: "zenml".into(),
                    username: Some("zen".into()),
                    password: Secret::read("p@ss"),
                })
            );
        }
        for wrong in ["", "mysql://host", "mysql:///db", "mysql://h/a`b", "sqlite://", "mariadb://h/db"] {
            assert_eq!(location(wrong), None, "{wrong}");
        }
    }
}
