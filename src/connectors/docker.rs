//! Docker and OCI registries.

use super::attributes::Attribute;
use super::check::Settings;
use super::ids::{before_path, without_scheme};
use super::{AuthMethod, ConnectorType, Expiry, ResourceIds, ResourceType};

const LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/container_registry/docker.png";
const HUB: &str = "docker.io";
const FORMS: &str = "docker.io, or the host of a registry, with its port if it has one, and maybe a path";

pub(super) const TYPE: ConnectorType = ConnectorType {
    word: "docker",
    name: "Docker Service Connector",
    description: "Signs in to a Docker or OCI registry, so that images can be pushed to it and pulled from it. \
                  The machine that does so needs Docker or Podman.",
    resource_types: &[ResourceType {
        word: "docker-registry",
        name: "Docker/OCI container registry",
        description: "A registry by its host, such as registry.example.com:5000; docker.io is Docker Hub.",
        has_instances: false,
        logo_url: LOGO,
        emoji: ":whale:",
        ids: ResourceIds { forms: FORMS, canonical: |_, id| registry(id), default: default_id },
    }],
    methods: &[AuthMethod {
        word: "password",
        name: "User and password",
        description: "The name and the password of an account, or a token in the password's place.",
        attributes: &[
            Attribute::secret("username", "User name").required(),
            Attribute::secret("password", "Password or token").required(),
            Attribute::text("registry", "Address of the registry; without one it is Docker Hub").checked(check),
        ],
        expiry: Expiry::AsConfigured,
    }],
    has_auto_configuration: false,
    logo_url: LOGO,
    emoji: ":whale:",
    is_listed: true,
};

/// The host of a registry, by any of its forms.
pub(super) fn registry(id: &str) -> Option<String> {
    let id = without_scheme(id);
    let host = before_path(id);
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if !name.split('.').all(is_label) || !port.is_none_or(is_port) || id.contains(char::is_control) {
        return None;
    }
    Some(if host == "index.docker.io" { HUB.to_owned() } else { host.to_owned() })
}

fn default_id(settings: &Settings) -> Option<String> {
    match settings.get("registry").and_then(|registry| registry.as_str()) {
        None | Some("") => Some(HUB.to_owned()),
        Some(registered) => registry(registered),
    }
}

fn check(address: &str) -> Result<(), &'static str> {
    match address.is_empty() || registry(address).is_some() {
        true => Ok(()),
        false => Err("has to be the address of a registry"),
    }
}
