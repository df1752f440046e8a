//! HyperAI instances, by SSH.

use serde_json::Value;

use super::attributes::Attribute;
use super::check::Settings;
use super::{AuthMethod, ConnectorType, Expiry, ResourceIds, ResourceType};

const LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/connectors/hyperai/hyperai.png";
const ATTRIBUTES: &[Attribute] = &[
    Attribute::secret("base64_ssh_key", "SSH key, in base64").required(),
    Attribute::secret("ssh_passphrase", "Passphrase of the key"),
    Attribute::texts("hostnames", "Hosts of the instances").required(),
    Attribute::text("username", "User name").required(),
];

const fn key(word: &'static str, name: &'static str) -> AuthMethod {
    AuthMethod {
        word,
        name,
        description: "A key, with its passphrase if it has one.",
        attributes: ATTRIBUTES,
        expiry: Expiry::AsConfigured,
    }
}

pub(super) const TYPE: ConnectorType = ConnectorType {
    word: "hyperai",
    name: "HyperAI Service Connector",
    description: "Signs in to HyperAI instances with an SSH key.",
    resource_types: &[ResourceType {
        word: "hyperai-instance",
        name: "HyperAI instance",
        description: "An instance by its host.",
        has_instances: true,
        logo_url: LOGO,
        emoji: ":robot_face:",
        ids: ResourceIds {
            forms: "one of the hosts of the configuration",
            canonical: host,
            ..ResourceIds::ANY
        },
    }],
    methods: &[
        key("rsa-key", "RSA key"),
        key("dsa-key", "DSA key"),
        key("ecdsa-key", "ECDSA key"),
        key("ed25519-key", "Ed25519 key"),
    ],
    has_auto_configuration: false,
    logo_url: LOGO,
    emoji: ":robot_face:",
    is_listed: false,
};

fn host(settings: &Settings, id: &str) -> Option<String> {
    let hosts = settings.get("hostnames").and_then(Value::as_array)?;
    hosts.iter().any(|host| host == id).then(|| id.to_owned())
}
