//! Microsoft Azure.

use serde_json::Value;

use super::attributes::Attribute;
use super::check::Settings;
use super::ids::{before_path, is_bucket, is_dashed, is_of, without_scheme};
use super::{AuthMethod, ConnectorType, Expiry, ResourceIds, ResourceType};

const LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/connectors/azure/azure.png";
const BLOB_LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/artifact_store/azure.png";
const AKS_LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/orchestrator/kubernetes.png";
const ACR_LOGO: &str =
    "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/container_registry/docker.png";

const SUBSCRIPTION: Attribute = Attribute::uuid("subscription_id", "Subscription")
    .described("Needed where the credentials reach several.");
const TENANT: Attribute = Attribute::uuid("tenant_id", "Tenant");
const GROUP: Attribute =
    Attribute::text("resource_group", "Resource group").described("Leaves out clusters and registries of others.");
const ACCOUNT: Attribute =
    Attribute::text("storage_account", "Storage account").described("Leaves out containers of others.");

pub(super) const TYPE: ConnectorType = ConnectorType {
    word: "azure",
    name: "Azure Service Connector",
    description: "Signs in to Microsoft Azure: blob containers, clusters of AKS and registries of ACR.",
    resource_types: &[
        ResourceType {
            word: "azure-generic",
            name: "Azure subscription",
            description: "All of a subscription, by its name.",
            has_instances: false,
            logo_url: LOGO,
            emoji: ":regional_indicator_a: ",
            ids: ResourceIds::ANY,
        },
        ResourceType {
            word: "blob-container",
            name: "Blob container",
            description: "A container by its name or URI.",
            has_instances: true,
            logo_url: BLOB_LOGO,
            emoji: ":package:",
            ids: ResourceIds {
                forms: "NAME, az://NAME or abfs://NAME",
                canonical: |_, id| container(id),
                ..ResourceIds::ANY
            },
        },
        ResourceType {
            word: "kubernetes-cluster",
            name: "AKS cluster",
            description: "A cluster by its name, with its resource group or without it.",
            has_instances: true,
            logo_url: AKS_LOGO,
            emoji: ":cyclone:",
            ids: ResourceIds {
                forms: "NAME or GROUP/NAME, of the configured resource group",
                canonical: cluster,
                ..ResourceIds::ANY
            },
        },
        ResourceType {
            word: "docker-registry",
            name: "ACR registry",
            description: "A registry by its name or address.",
            has_instances: true,
            logo_url: ACR_LOGO,
            emoji: ":whale:",
            ids: ResourceIds {
                forms: "NAME or NAME.azurecr.io",
                canonical: |_, id| registry(id),
                ..ResourceIds::ANY
            },
        },
    ],
    methods: &[
        AuthMethod {
            word: "implicit",
            name: "Identity of the machine",
            description: "Whatever the machine is for Azure.",
            attributes: &[SUBSCRIPTION, TENANT, GROUP, ACCOUNT],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "service-principal",
            name: "Service principal",
            description: "The id and the secret of an application.",
            attributes: &[
                Attribute::secret("client_secret", "Secret of the application").required(),
                SUBSCRIPTION,
                TENANT.required(),
                GROUP,
                ACCOUNT,
                Attribute::uuid("client_id", "Id of the application").required(),
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "access-token",
            name: "Access token",
            description: "An access token that was made elsewhere, until it ends.",
            attributes: &[
                Attribute::secret("token", "Access token").required(),
                SUBSCRIPTION,
                TENANT,
                GROUP,
                ACCOUNT,
            ],
            expiry: Expiry::Said { default: 3600 },
        },
    ],
    has_auto_configuration: true,
    logo_url: LOGO,
    emoji: ":regional_indicator_a: ",
    is_listed: false,
};

fn container(id: &str) -> Option<String> {
    let prefixed = id.strip_prefix("az://").or_else(|| id.strip_prefix("abfs://"));
    let name = prefixed.map_or(id, before_path);
    (is_bucket(name, is_dashed) && !name.contains("--")).then(|| format!("az://{name}"))
}

fn cluster(settings: &Settings, id: &str) -> Option<String> {
    let configured = settings.get("resource_group").and_then(Value::as_str).filter(|group| !group.is_empty());
    let (group, name) = match id.split_once('/') {
        Some((group, name)) => (Some(group), name),
        None => (configured, id),
    };
    let is_group = |group: &str| {
        is_of(group, |byte| byte.is_ascii_alphanumeric() || b"_.()-".contains(&byte))
            && configured.is_none_or(|configured| configured == group)
    };
    let is_end = |end: Option<char>| end.is_some_and(|end| end.is_ascii_alphanumeric());
    let is_name = name.len() > 1
        && is_of(name, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        && is_end(name.chars().next())
        && is_end(name.chars().next_back());
    let is_right = is_name && group.is_none_or(is_group);
    is_right.then(|| group.map_or_else(|| name.to_owned(), |group| format!("{group}/{name}")))
}

fn registry(id: &str) -> Option<String> {
    let host = before_path(without_scheme(id));
    let name = match host.strip_suffix(".azurecr.io") {
        Some(name) => name,
        None => id,
    };
    is_of(name, |byte| byte.is_ascii_alphanumeric()).then(|| format!("{name}.azurecr.io"))
}
