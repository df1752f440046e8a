//! Google Cloud.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::attributes::Attribute;
use super::check::Settings;
use super::ids::{is_bucket, is_dashed, is_of};
use super::{AuthMethod, ConnectorType, Expiry, ResourceIds, ResourceType};

const LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/connectors/gcp/gcp.png";
const GCS_LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/artifact_store/gcp.png";
const GKE_LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/orchestrator/kubernetes.png";
const GAR_LOGO: &str =
    "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/container_registry/docker.png";

const PROJECT: Attribute = Attribute::text("project_id", "Project").required();
const PROJECT_OR_NONE: Attribute = Attribute::text("project_id", "Project");
const TEMPORARY: Attribute =
    Attribute::flag("generate_temporary_tokens", "Hand out temporary tokens in place of the JSON", true);
const SERVICE_ACCOUNT: Attribute =
    Attribute::secret("service_account_json", "Key of the service account: JSON, or that in base64")
        .required()
        .checked(is_service_account);

pub(super) const TYPE: ConnectorType = ConnectorType {
    word: "gcp",
    name: "GCP Service Connector",
    description: "Signs in to Google Cloud: buckets of GCS, clusters of GKE and registries.",
    resource_types: &[
        ResourceType {
            word: "gcp-generic",
            name: "GCP project",
            description: "All of a project, by its id.",
            has_instances: false,
            logo_url: LOGO,
            emoji: ":blue_circle:",
            ids: ResourceIds {
                default: |settings| project(settings).map(str::to_owned),
                ..ResourceIds::ANY
            },
        },
        ResourceType {
            word: "gcs-bucket",
            name: "GCS bucket",
            description: "A bucket by its name or URI.",
            has_instances: true,
            logo_url: GCS_LOGO,
            emoji: ":package:",
            ids: ResourceIds {
                forms: "NAME or gs://NAME",
                canonical: |_, id| bucket(id),
                ..ResourceIds::ANY
            },
        },
        ResourceType {
            word: "kubernetes-cluster",
            name: "GKE cluster",
            description: "A cluster by its name.",
            has_instances: true,
            logo_url: GKE_LOGO,
            emoji: ":cyclone:",
            ids: ResourceIds { forms: "NAME", canonical: |_, id| cluster(id), ..ResourceIds::ANY },
        },
        ResourceType {
            word: "docker-registry",
            name: "Artifact Registry repository",
            description: "A repository by its address or name, or a registry of gcr.io.",
            has_instances: true,
            logo_url: GAR_LOGO,
            emoji: ":whale:",
            ids: ResourceIds {
                forms: "LOCATION-docker.pkg.dev/PROJECT/REPOSITORY, \
                        projects/PROJECT/locations/LOCATION/repositories/REPOSITORY, of the configured project, or \
                        [us.|eu.|asia.]gcr.io/PROJECT",
                canonical: registry,
                ..ResourceIds::ANY
            },
        },
    ],
    methods: &[
        AuthMethod {
            word: "implicit",
            name: "Identity of the machine",
            description: "Whatever the machine is for Google Cloud.",
            attributes: &[PROJECT],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "user-account",
            name: "User account",
            description: "The credentials of a user.",
            attributes: &[
                Attribute::secret("user_account_json", "Credentials of the user: JSON, or that in base64")
                    .required()
                    .checked(is_user),
                TEMPORARY,
                PROJECT,
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "service-account",
            name: "Service account",
            description: "A key of a service account.",
            attributes: &[SERVICE_ACCOUNT, TEMPORARY, PROJECT_OR_NONE],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "external-account",
            name: "External account",
            description: "Workload identity federation.",
            attributes: &[
                Attribute::secret("external_account_json", "External account: JSON, or that in base64")
                    .required()
                    .checked(is_external),
                TEMPORARY,
                PROJECT,
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "oauth2-token",
            name: "OAuth 2.0 token",
            description: "An access token that was made elsewhere.",
            attributes: &[
                Attribute::secret("token", "Access token").required(),
                PROJECT,
                Attribute::text("service_account_email", "Service account whose token it is"),
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "impersonation",
            name: "Impersonation",
            description: "Temporary tokens of a service account that another one may impersonate.",
            attributes: &[
                SERVICE_ACCOUNT,
                TEMPORARY,
                PROJECT_OR_NONE,
                Attribute::text("target_principal", "Service account to impersonate").required(),
            ],
            expiry: Expiry::Made { least: None, most: Some(3600), default: 3600 },
        },
    ],
    has_auto_configuration: true,
    logo_url: LOGO,
    emoji: ":blue_circle:",
    is_listed: false,
};

fn project(settings: &Settings) -> Option<&str> {
    settings.get("project_id").and_then(Value::as_str)
}

fn bucket(id: &str) -> Option<String> {
    let name = id.strip_prefix("gs://").map_or(id, super::ids::before_path);
    is_bucket(name, |byte| is_dashed(byte) || byte == b'_').then(|| format!("gs://{name}"))
}

fn cluster(id: &str) -> Option<String> {
    let is_name = !id.starts_with(['-', '_']) && is_of(id, |byte| is_dashed(byte) || byte == b'_');
    is_name.then(|| id.to_owned())
}

fn registry(settings: &Settings, id: &str) -> Option<String> {
    let is_name = |name: &str| is_of(name, |byte| is_dashed(byte) || byte == b'.');
    let is_own = |named: &str| project(settings).is_none_or(|own| own == named);
    let address = id.strip_prefix("https://").unwrap_or(id);
    let parts: Vec<&str> = address.split('/').collect();
    let (location, of, repository) = match parts.as_slice() {
        ["projects", of, "locations", location, "repositories", name] => (*location, *of, *name),
        [host, of, ..] if host.ends_with("gcr.io") => {
            let is_known = ["gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"].contains(host);
            return (is_known && is_of(of, is_dashed)).then(|| format!("{host}/{of}"));
        }
        [host, of, name, ..] => (host.strip_suffix("-docker.pkg.dev")?, *of, *name),
        _ => return None,
    };
    let is_right = is_of(location, is_dashed) && is_of(of, is_dashed) && is_name(repository) && is_own(of);
    is_right.then(|| format!("{location}-docker.pkg.dev/{of}/{repository}"))
}

fn is_user(json: &str) -> Result<(), &'static str> {
    match has(json, "authorized_user", &["client_id", "client_secret", "refresh_token"]) {
        true => Ok(()),
        false => Err("has to be the JSON of an authorized_user, or that in base64"),
    }
}

fn is_service_account(json: &str) -> Result<(), &'static str> {
    let fields = [
        "project_id",
        "private_key_id",
        "private_key",
        "client_email",
        "client_id",
        "auth_uri",
        "token_uri",
        "auth_provider_x509_cert_url",
        "client_x509_cert_url",
    ];
    match has(json, "service_account", &fields) {
        true => Ok(()),
        false => Err("has to be the JSON of a service_account, or that in base64"),
    }
}

fn is_external(json: &str) -> Result<(), &'static str> {
    match has(json, "external_account", &["subject_token_type", "token_url"]) {
        true => Ok(()),
        false => Err("has to be the JSON of an external_account, or that in base64"),
    }
}

/// Whether it is an object of that type with these fields.
fn has(json: &str, kind: &str, fields: &[&str]) -> bool {
    let decoded = STANDARD.decode(json.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let object: Option<Map<String, Value>> = serde_json::from_str(decoded.as_deref().unwrap_or(json)).ok();
    object.is_some_and(|object| {
        object.get("type").is_some_and(|named| named == kind)
            && fields.iter().all(|field| object.contains_key(*field))
    })
}
