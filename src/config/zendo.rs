//! `ZENDO_*`: what ZenML has no name for.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use uuid::Uuid;

use super::value::{AtLeast, Flag, Setting, optional, setting};
use super::warnings::{WebhookSecrets, WebhookUrls};
use super::{ConfigError, Listen};

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct ZendoSettings {
    /// Where to listen; port 0 takes a free one.
    #[serde(deserialize_with = "setting")]
    pub listen: Listen,
    /// Folder of the embedded database.
    #[serde(deserialize_with = "setting")]
    pub data_dir: PathBuf,
    /// Seconds that a start waits for a database that is away.
    #[serde(deserialize_with = "setting")]
    pub store_wait: AtLeast<0>,
    /// Proxies whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "setting")]
    pub trusted_proxies: Networks,
    /// What service connectors may reach besides the public internet.
    #[serde(deserialize_with = "setting")]
    pub connector_networks: Networks,
    /// Connections at a time; without it, as many as the limit of open files allows.
    #[serde(deserialize_with = "optional")]
    pub max_connections: Option<AtLeast<1>>,
    /// Connections at a time from one address that is neither this machine's nor a trusted proxy's.
    #[serde(deserialize_with = "setting")]
    pub max_connections_per_address: AtLeast<1>,
    /// Deliveries that one address may bring to a webhook in a minute.
    #[serde(deserialize_with = "setting")]
    pub webhook_rate: AtLeast<1>,
    /// Seconds that a connection may wait for its next request.
    #[serde(deserialize_with = "setting")]
    pub keep_alive_timeout: AtLeast<1>,
    /// Folder below which files of local artifact stores are read; without it none are.
    #[serde(deserialize_with = "optional")]
    pub local_files_root: Option<AbsolutePath>,
    /// Days that records of the audit are kept; 0 for ever.
    #[serde(deserialize_with = "setting")]
    pub audit_retention: AtLeast<0>,
    /// Where records of the audit go as JSON lines besides.
    #[serde(deserialize_with = "optional")]
    pub audit_log: Option<AuditLog>,
    /// What new tokens are signed with, by a key in the store; without it, the HMAC of ZenML's settings.
    #[serde(deserialize_with = "optional")]
    pub signing_algorithm: Option<SigningAlgorithm>,
    /// Service accounts, by name or id, that may ask about and revoke other accounts' tokens, as admins may.
    #[serde(deserialize_with = "setting")]
    pub introspection_accounts: Names,
    /// By what forward-auth knows a browser's preflight, and lets it through; without it none is.
    #[serde(deserialize_with = "optional")]
    pub forward_auth_preflight: Option<PreflightMethod>,
    /// Whether people sign in with passwords.
    #[serde(deserialize_with = "setting")]
    pub password_sign_in: Flag,
    /// For so many days a token that has ended stays in the list of API tokens.
    #[serde(deserialize_with = "setting")]
    pub token_history: AtLeast<0>,
    /// Seconds that an API key lives at most; without it, as long as whoever makes it says, or for ever.
    #[serde(deserialize_with = "optional")]
    pub api_key_max_lifetime: Option<AtLeast<1>>,
    /// Receivers of warnings' webhooks.
    #[serde(deserialize_with = "optional")]
    pub warning_webhooks: Option<WebhookUrls>,
    /// What they are signed with.
    #[serde(deserialize_with = "optional")]
    pub warning_secret: Option<WebhookSecrets>,
    /// Where receivers may be besides the public internet.
    #[serde(deserialize_with = "setting")]
    pub warning_networks: Networks,
    /// For developers: reads that get slower as their table grows are refused, but for those of this file.
    #[serde(deserialize_with = "optional")]
    pub plans: Option<AbsolutePath>,
    /// What is logged on standard error, as a tracing filter.
    #[serde(deserialize_with = "setting")]
    pub log: LogFilter,
}

impl Default for ZendoSettings {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            data_dir: "zendo-data".into(),
            store_wait: AtLeast(60),
            trusted_proxies: Networks(Vec::new()),
            connector_networks: Networks(Vec::new()),
            max_connections: None,
            max_connections_per_address: AtLeast(512),
            webhook_rate: AtLeast(600),
            keep_alive_timeout: AtLeast(75),
            local_files_root: None,
            audit_retention: AtLeast(365),
            audit_log: None,
            signing_algorithm: None,
            introspection_accounts: Names::default(),
            forward_auth_preflight: None,
            password_sign_in: Flag(true),
            token_history: AtLeast(30),
            api_key_max_lifetime: None,
            warning_webhooks: None,
            warning_secret: None,
            warning_networks: Networks(Vec::new()),
            plans: None,
            log: LogFilter(Targets::new().with_default(LevelFilter::INFO)),
        }
    }
}

impl ZendoSettings {
    /// What no variable alone can say.
    ///
    /// # Errors
    /// For receivers who couldn't know who speaks to them.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.warning_webhooks.is_some() && self.warning_secret.is_none() {
            let problem = "no receiver could tell who sends it; set ZENDO_WARNING_SECRET, too";
            return Err(ConfigError::new("ZENDO_WARNING_WEBHOOKS", problem));
        }
        Ok(())
    }
}

/// Signatures that others can verify without being able to make them (RFC 7518, section 3.1; RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    EdDSA,
    ES256,
    RS256,
}

impl SigningAlgorithm {
    /// Its registered name, as in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
        }
    }
}

impl Setting for SigningAlgorithm {
    const ACCEPTED: &'static str = "EdDSA, ES256 or RS256, or leave it unset for HMAC";
    fn read(text: &str) -> Option<Self> {
        [Self::EdDSA, Self::ES256, Self::RS256].into_iter().find(|algorithm| algorithm.name() == text)
    }
}

/// Where a proxy that asks forward-auth says the method of its caller's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreflightMethod {
    /// It asks with that method.
    Request,
    /// In `X-Forwarded-Method`, which it sets whatever its caller has sent.
    Forwarded,
}

impl Setting for PreflightMethod {
    const ACCEPTED: &'static str = "request (the proxy asks with its caller's method, as Envoy does), x-forwarded-method \
                                    (the proxy sets that header, as Caddy and Traefik do), or leave it unset";
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "request" => Some(Self::Request),
            "x-forwarded-method" => Some(Self::Forwarded),
            _ => None,
        }
    }
}

/// A path that starts with `/`, so that it doesn't depend on where the server was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsolutePath(pub PathBuf);

impl Setting for AbsolutePath {
    const ACCEPTED: &'static str = "a path that starts with /";
    fn read(text: &str) -> Option<Self> {
        let path = PathBuf::from(text);
        path.is_absolute().then_some(Self(path))
    }
}

/// Where the lines of the audit go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Stdout,
    File(PathBuf),
}

/// Where lines are appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLog(pub Destination);

impl Setting for AuditLog {
    const ACCEPTED: &'static str = "a path, or stdout";
    fn read(text: &str) -> Option<Self> {
        Some(Self(match text {
            "" => return None,
            "stdout" | "-" => Destination::Stdout,
            path => Destination::File(path.into()),
        }))
    }
}

/// A filter in tracing's own words, such as `info` or `zendo=debug,sqlx=warn`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter(pub Targets);

impl Setting for LogFilter {
    const ACCEPTED: &'static str = "off, error, warn, info, debug, trace or a filter such as zendo=debug";
    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let filter = parts.join(",").parse().ok();
        filter.filter(|_| !parts.is_empty()).map(Self)
    }
}

/// Names or ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(Vec<String>);

impl Names {
    /// Whether the thing with that id and name is among them.
    pub fn have(&self, id: Uuid, name: &str) -> bool {
        self.0.iter().any(|listed| listed == name || Uuid::try_parse(listed) == Ok(id))
    }
}

impl Setting for Names {
    const ACCEPTED: &'static str = "names or ids separated by commas, such as gateway,monitoring";
    fn read(text: &str) -> Option<Self> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        (!text.contains(char::is_control)).then(|| Self(names.collect()))
    }
}

/// Addresses and networks.
#[derive(Debug, Clone, PartialEq)]
pub struct Networks(pub Vec<IpNet>);

impl Networks {
    pub fn have(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Setting for Networks {
    const ACCEPTED: &'static str =
        "addresses or networks separated by commas, such as 10.0.0.1,192.168.0.0/16";
    fn read(text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| part.parse().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
        parts.map(network).collect::<Option<Vec<_>>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_log_filter_has_a_level_for_all_or_for_each_target() {
        let is_logged = |text: &str, target: &str, level: Level| {
            LogFilter::read(text).unwrap().0.would_enable(target, &level)
        };
        assert!(is_logged("info", "sqlx", Level::INFO) && !is_logged("info", "zendo", Level::DEBUG));
        assert!(!is_logged("off", "zendo", Level::ERROR));
        let several = "info, zendo=debug,sqlx=warn,";
        assert!(
            is_logged(several, "zendo::server", Level::DEBUG) && is_logged(several, "hyper", Level::INFO)
        );
        assert!(!is_logged(several, "sqlx", Level::INFO));
        assert!(["", " , ", "zendo=loud"].iter().all(|text| LogFilter::read(text).is_none()));
    }
}
