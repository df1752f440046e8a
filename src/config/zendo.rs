//! `ZENDO_*`: what ZenML has no name for.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::value::{Setting, setting};

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct ZendoSettings {
    /// Where to listen; port 0 takes a free one.
    #[serde(deserialize_with = "setting")]
    pub listen: SocketAddr,
    /// Folder of the embedded database.
    #[serde(deserialize_with = "setting")]
    pub data_dir: PathBuf,
    /// What is logged on standard error, as a tracing filter.
    #[serde(deserialize_with = "setting")]
    pub log: LogFilter,
}

impl Default for ZendoSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data_dir: "zendo-data".into(),
            log: LogFilter("info".to_owned()),
        }
    }
}

/// A filter in tracing's own words, such as `info` or `zendo=debug,sqlx=warn`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter(pub String);

impl Setting for LogFilter {
    const ACCEPTED: &'static str = "off, error, warn, info, debug, trace or a filter such as zendo=debug";
    fn read(text: &str) -> Option<Self> {
        let filter = tracing_subscriber::EnvFilter::try_new(text).ok();
        filter.filter(|_| !text.is_empty()).map(|_| Self(text.to_owned()))
    }
}
