//! `ZENML_STORE_*`: which database, and how to reach it.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use zendo_store::{Location, Options, Server, Tls};

use super::ConfigError;
use super::store_url::{StoreLocation, StoreUrl};
use super::value::{AtLeast, Flag, Secret, Text, optional, setting};

/// Names and defaults are those of ZenML 0.98.0's SQL store. What the URL says counts before the rest, as there.
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

/// How the connection to the database is protected, as it was set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoreTls<'a> {
    pub is_required: bool,
    pub verify_host: bool,
    pub ca: Option<&'a Secret>,
    pub cert: Option<&'a Secret>,
    pub key: Option<&'a Secret>,
}

impl StoreSettings {
    /// The account at the database.
    pub fn account(&self) -> (Option<&str>, Option<&Secret>) {
        let (username, password) = match self.url.as_ref().map(|url| &url.location) {
            Some(StoreLocation::MySql { username, password, .. }) => (username.as_deref(), password.as_ref()),
            _ => (None, None),
        };
        (username.or(self.username.as_ref().map(|name| name.0.as_str())), password.or(self.password.as_ref()))
    }

    /// Whoever names an authority or a certificate, or wants it verified, wants TLS.
    pub fn tls(&self) -> StoreTls<'_> {
        let url = self.url.as_ref().map(|url| &url.tls);
        let ca = url.and_then(|url| url.ca.as_ref()).or(self.ssl_ca.as_ref());
        let cert = url.and_then(|url| url.cert.as_ref()).or(self.ssl_cert.as_ref());
        let key = url.and_then(|url| url.key.as_ref()).or(self.ssl_key.as_ref());
        let Flag(ssl) = url.and_then(|url| url.ssl).unwrap_or(self.ssl);
        let Flag(verify_host) =
            url.and_then(|url| url.verify_server_cert).unwrap_or(self.ssl_verify_server_cert);
        StoreTls {
            is_required: ssl || verify_host || ca.is_some() || cert.is_some(),
            verify_host,
            ca,
            cert,
            key,
        }
    }

    /// How to open the database that is there.
    pub(super) fn options(&self, location: StoreLocation, statement_limit: Duration) -> Options {
        let location = match location {
            StoreLocation::Sqlite { path } => Location::Sqlite { path },
            StoreLocation::MySql { host, port, database, .. } => {
                let (username, password) = self.account();
                let (username, password) = (username.map(str::to_owned), secret(password));
                let tls = self.tls();
                let tls = Tls {
                    is_required: tls.is_required,
                    verify_host: tls.verify_host,
                    ca: secret(tls.ca),
                    cert: secret(tls.cert),
                    key: secret(tls.key),
                };
                Location::MySql(Box::new(Server { host, port, database, username, password, tls }))
            }
        };
        let (pool_size, max_overflow) = (self.pool_size.0, self.max_overflow.0);
        Options { location, pool_size, max_overflow, statement_limit, plans: None }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let tls = self.tls();
        if tls.cert.is_some() != tls.key.is_some() {
            let missing = if tls.cert.is_some() { "ZENML_STORE_SSL_KEY" } else { "ZENML_STORE_SSL_CERT" };
            return Err(ConfigError::new(
                missing,
                "a client certificate needs both ZENML_STORE_SSL_CERT and ZENML_STORE_SSL_KEY; give this one too",
            ));
        }
        Ok(())
    }
}

fn secret(setting: Option<&Secret>) -> Option<SecretString> {
    setting.map(|Secret(secret)| secret.clone())
}
