//! What pages read from the API's answers: of each no more than is shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::timestamp::Timestamp;

/// A resource as ZenML's API answers it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Item<Body, Metadata = Nothing, Resources = Nothing> {
    pub id: Uuid,
    #[serde(default)]
    pub name: String,
    pub body: Body,
    pub metadata: Option<Metadata>,
    pub resources: Option<Resources>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Nothing {}

/// `GET /info`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ServerInfo {
    pub id: Uuid,
    pub name: Option<String>,
    pub version: String,
    pub active: bool,
    pub database_type: String,
    pub auth_scheme: String,
    pub server_url: String,
    pub dashboard_url: String,
}

impl ServerInfo {
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("zendo")
    }
}

pub(super) type User = Item<UserBody, UserMetadata>;

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct UserBody {
    pub created: Option<Timestamp>,
    pub active: bool,
    pub full_name: String,
    pub email_opted_in: Option<bool>,
    pub is_admin: bool,
    pub is_service_account: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct UserMetadata {
    pub email: Option<String>,
    pub password_changed_at: Option<Timestamp>,
}

impl User {
    /// None for who never had a password.
    pub(super) fn password_changed_at(&self) -> Option<&Timestamp> {
        self.metadata.as_ref().and_then(|metadata| metadata.password_changed_at.as_ref())
    }

    /// The empty text for none.
    pub(super) fn email(&self) -> &str {
        self.metadata.as_ref().and_then(|metadata| metadata.email.as_deref()).unwrap_or_default()
    }
}

/// Whom a provider knows as a user.
#[derive(Debug, Deserialize)]
pub(super) struct Identity {
    pub id: Uuid,
    pub issuer: String,
    pub subject: String,
    pub email: Option<String>,
    pub last_sign_in: Option<Timestamp>,
}

/// `GET /settings`.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub body: SettingsBody,
}

#[derive(Debug, Deserialize)]
pub(super) struct SettingsBody {
    pub server_name: String,
    pub logo_url: Option<String>,
    pub enable_analytics: bool,
    pub display_announcements: Option<bool>,
    pub display_updates: Option<bool>,
    pub last_user_activity: Timestamp,
    pub updated: Timestamp,
}

pub(super) type ApiToken = Item<ApiTokenBody, ApiTokenMetadata, ApiTokenResources>;

#[derive(Debug, Deserialize)]
pub(super) struct ApiTokenBody {
    pub created: Timestamp,
    pub token_type: String,
    pub status: String,
    pub parent_id: Option<Uuid>,
    pub expires: Option<Timestamp>,
    pub addresses: Option<Vec<String>>,
    pub scope: Option<String>,
    pub projects: Option<Vec<Uuid>>,
    pub last_used: Option<Timestamp>,
    pub address: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiTokenMetadata {
    pub descendants: u64,
    pub user_agent: Option<String>,
    pub networks: Vec<UsedNetwork>,
}

/// A network that a token was used from.
#[derive(Debug, Deserialize)]
pub(super) struct UsedNetwork {
    pub network: String,
    pub first_used: Timestamp,
    pub last_used: Timestamp,
}

/// What a token may do, in words.
pub(super) fn powers(token: &ApiToken) -> String {
    match token.body.scope.as_deref() {
        None => "Everything its owner may".to_owned(),
        Some("*:read") => "Read only".to_owned(),
        Some("") => "Nothing".to_owned(),
        Some(scope) => scope.to_owned(),
    }
}

/// What else is refused when a token is revoked.
pub(super) fn with_it(token: &ApiToken) -> String {
    match token.metadata.as_ref().map_or(0, |metadata| metadata.descendants) {
        0 => String::new(),
        1 => " So is the token that was made from it.".to_owned(),
        count => format!(" So are the {count} tokens that were made from it."),
    }
}

/// The API token that another was made from.
#[derive(Debug, Deserialize)]
pub(super) struct ParentToken {
    pub id: Uuid,
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiTokenResources {
    pub user: Option<Item<UserBody>>,
    pub parent: Option<ParentToken>,
}

pub(super) type Project = Item<Nothing>;

pub(super) type ServiceAccount = Item<ServiceAccountBody, ServiceAccountMetadata>;

#[derive(Debug, Deserialize)]
pub(super) struct ServiceAccountBody {
    pub created: Timestamp,
    pub active: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct ServiceAccountMetadata {
    pub description: String,
}

pub(super) type Trust = Item<TrustBody, TrustMetadata, TrustResources>;

#[derive(Debug, Deserialize)]
pub(super) struct TrustBody {
    pub issuer: String,
    pub audience: String,
    pub conditions: BTreeMap<String, Vec<String>>,
    pub service_account_id: Uuid,
    pub scope: Option<String>,
    pub projects: Option<BTreeSet<Uuid>>,
    pub addresses: Option<Vec<String>>,
    pub expires_in: Option<i64>,
    pub active: bool,
    pub last_used: Option<Timestamp>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TrustMetadata {
    pub description: String,
    pub jwks: Option<Value>,
    pub tokens: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct TrustResources {
    pub service_account: Option<NamedAccount>,
}

/// The service account that a rule's tokens are of.
#[derive(Debug, Deserialize)]
pub(super) struct NamedAccount {
    pub name: String,
}

pub(super) type ApiKey = Item<ApiKeyBody, ApiKeyMetadata>;

#[derive(Debug, Deserialize)]
pub(super) struct ApiKeyBody {
    pub created: Timestamp,
    pub active: bool,
    pub expires: Option<Timestamp>,
    pub addresses: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiKeyMetadata {
    pub description: String,
    pub retain_period_minutes: i64,
    pub last_login: Option<Timestamp>,
    pub last_rotated: Option<Timestamp>,
}

pub(super) type Webhook = Item<WebhookBody, WebhookMetadata>;

#[derive(Debug, Deserialize)]
pub(super) struct WebhookBody {
    pub webhook_type: String,
    pub active: bool,
    pub endpoint_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WebhookMetadata {
    pub stats: WebhookStats,
}

#[derive(Debug, Deserialize)]
pub(super) struct WebhookStats {
    pub accepted_count: i64,
    pub auth_failed_count: i64,
    pub invalid_payload_count: i64,
    pub last_accepted_at: Option<Timestamp>,
    pub last_error_at: Option<Timestamp>,
    pub last_error_summary: Option<String>,
}

pub(super) type Device = Item<DeviceBody, DeviceMetadata>;

#[derive(Debug, Deserialize)]
pub(super) struct DeviceBody {
    pub expires: Option<Timestamp>,
    pub trusted_device: bool,
    pub status: String,
    pub os: Option<String>,
    pub ip_address: Option<String>,
    pub hostname: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeviceMetadata {
    pub python_version: Option<String>,
    pub zenml_version: Option<String>,
    pub last_login: Option<Timestamp>,
}

impl Device {
    /// What people call it.
    pub(super) fn title(&self) -> &str {
        self.body.hostname.as_deref().filter(|name| !name.is_empty()).unwrap_or("A machine without a name")
    }
}

pub(super) type Connector = Item<ConnectorBody, ConnectorMetadata, ConnectorResources>;

#[derive(Debug, Deserialize)]
pub(super) struct ConnectorBody {
    pub created: Timestamp,
    pub description: String,
    connector_type: ConnectorType,
    pub auth_method: String,
    pub resource_types: Vec<String>,
    pub resource_id: Option<String>,
    pub expires_at: Option<Timestamp>,
}

/// A type that the server describes, or its word alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ConnectorType {
    Described { connector_type: String },
    Word(String),
}

#[derive(Debug, Deserialize)]
pub(super) struct ConnectorMetadata {
    pub configuration: BTreeMap<String, Value>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ConnectorResources {
    pub user: Option<Item<UserBody>>,
}

impl Connector {
    /// What people call it.
    pub(super) fn title(&self) -> &str {
        if self.name.is_empty() { "A connector without a name" } else { &self.name }
    }

    /// The word of its type.
    pub(super) fn kind(&self) -> &str {
        match &self.body.connector_type {
            ConnectorType::Described { connector_type } | ConnectorType::Word(connector_type) => {
                connector_type
            }
        }
    }

    /// The resource types that it reaches.
    pub(super) fn reaches(&self) -> String {
        self.body.resource_types.join(", ")
    }

    /// The owner's name; empty where there is none.
    pub(super) fn owner(&self) -> &str {
        let user = self.resources.as_ref().and_then(|resources| resources.user.as_ref());
        user.map_or("", |user| &user.name)
    }
}

pub(super) type Component = Item<ComponentBody>;

#[derive(Debug, Deserialize)]
pub(super) struct ComponentBody {
    #[serde(rename = "type")]
    pub kind: String,
    pub flavor_name: String,
}

/// A program as people call it, from what it says of itself.
pub(super) fn program(agent: &str) -> String {
    let version =
        |name: &str| agent.split_once(name).and_then(|(_, rest)| rest.split([' ', ';', ')']).next());
    if let Some(version) = version("ZenML/") {
        return format!("zenml {version}");
    }
    if !agent.starts_with("Mozilla/") {
        return agent.split(' ').next().unwrap_or_default().to_owned();
    }
    let known = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser =
        known(&[("Edg", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]);
    let system = known(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (browser, _) => browser.unwrap_or("A browser").to_owned(),
    }
}

/// One of `GET /warnings`.
#[derive(Deserialize)]
pub(super) struct Warning {
    pub id: Uuid,
    pub created: Timestamp,
    pub kind: String,
    pub text: String,
    pub subject_kind: String,
    pub subject_id: Uuid,
}

/// A record of `GET /audit`.
#[derive(Deserialize)]
pub(super) struct AuditRecord {
    pub created: Timestamp,
    pub action: String,
    pub result: String,
    pub reason: Option<String>,
    pub times: i64,
    pub user_name: Option<String>,
    pub credential: String,
    pub subject_kind: Option<String>,
    pub subject_id: Option<Uuid>,
    pub subject_name: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub details: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_called_by_its_name() {
        for (agent, expected) in [
            ("Host/laptop ZenML/0.98.0 Python/3.11 OS/linux", "zenml 0.98.0"),
            ("curl/8.5.0", "curl/8.5.0"),
            ("python-requests/2.32 x", "python-requests/2.32"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
                "Chrome on Linux",
            ),
            ("Mozilla/5.0 (Windows NT 10.0; Win64) Gecko/20100101 Firefox/142.0", "Firefox on Windows"),
            ("Mozilla/5.0", "A browser"),
            ("", ""),
        ] {
            assert_eq!(program(agent), expected, "{agent}");
        }
    }
}
