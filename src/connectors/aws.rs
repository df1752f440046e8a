//! Amazon Web Services.

use serde_json::Value;

use super::attributes::Attribute;
use super::check::Settings;
use super::ids::{before_path, is_bucket, is_dashed, is_of, without_scheme};
use super::{AuthMethod, ConnectorType, Expiry, ResourceIds, ResourceType};

const LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/connectors/aws/aws.png";
const S3_LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/artifact_store/aws.png";
const EKS_LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/orchestrator/kubernetes.png";
const ECR_LOGO: &str =
    "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/container_registry/docker.png";

const KEY_ID: Attribute = Attribute::secret("aws_access_key_id", "Access key id").required();
const KEY: Attribute = Attribute::secret("aws_secret_access_key", "Secret access key").required();
const REGION: Attribute = Attribute::text("region", "Region").required();
const ENDPOINT: Attribute = Attribute::text("endpoint_url", "Address of the endpoint");
const ROLE: Attribute = Attribute::text("role_arn", "ARN of the role to assume");
const POLICY_ARNS: Attribute = Attribute::texts("policy_arns", "ARNs of managed policies for the session");
const POLICY: Attribute = Attribute::text("policy", "Policy for the session, in JSON");

const fn made(most: Option<i64>, default: i64) -> Expiry {
    Expiry::Made { least: Some(900), most, default }
}

pub(super) const TYPE: ConnectorType = ConnectorType {
    word: "aws",
    name: "AWS Service Connector",
    description: "Signs in to Amazon Web Services: buckets of S3, clusters of EKS and registries of ECR.",
    resource_types: &[
        ResourceType {
            word: "aws-generic",
            name: "AWS account",
            description: "All of an account, by its region.",
            has_instances: false,
            logo_url: LOGO,
            emoji: ":large_orange_diamond:",
            ids: ResourceIds {
                default: |settings| Some(settings.get("region")?.as_str()?.to_owned()),
                ..ResourceIds::ANY
            },
        },
        ResourceType {
            word: "s3-bucket",
            name: "S3 bucket",
            description: "A bucket by its name, URI or ARN.",
            has_instances: true,
            logo_url: S3_LOGO,
            emoji: ":package:",
            ids: ResourceIds {
                forms: "NAME, s3://NAME or arn:aws:s3:::NAME",
                canonical: |_, id| bucket(id),
                ..ResourceIds::ANY
            },
        },
        ResourceType {
            word: "kubernetes-cluster",
            name: "EKS cluster",
            description: "A cluster by its name or ARN.",
            has_instances: true,
            logo_url: EKS_LOGO,
            emoji: ":cyclone:",
            ids: ResourceIds {
                forms: "NAME, or arn:aws:eks:REGION:ACCOUNT:cluster/NAME of the configured region",
                canonical: cluster,
                ..ResourceIds::ANY
            },
        },
        ResourceType {
            word: "docker-registry",
            name: "ECR registry",
            description: "The registry of an account by its address or ARN.",
            has_instances: false,
            logo_url: ECR_LOGO,
            emoji: ":whale:",
            ids: ResourceIds {
                forms: "ACCOUNT.dkr.ecr.REGION.amazonaws.com, or arn:aws:ecr:REGION:ACCOUNT:repository, of the \
                        configured region",
                canonical: registry,
                ..ResourceIds::ANY
            },
        },
    ],
    methods: &[
        AuthMethod {
            word: "implicit",
            name: "Identity of the machine",
            description: "Whatever the machine is for AWS.",
            attributes: &[
                POLICY_ARNS,
                POLICY,
                REGION,
                ENDPOINT,
                Attribute::text("profile_name", "Profile"),
                ROLE,
            ],
            expiry: made(None, 3600),
        },
        AuthMethod {
            word: "secret-key",
            name: "Secret key",
            description: "A long-lived key, which is handed out as it is.",
            attributes: &[KEY_ID, KEY, REGION, ENDPOINT],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "sts-token",
            name: "STS token",
            description: "Temporary credentials that were made elsewhere.",
            attributes: &[
                KEY_ID,
                KEY,
                Attribute::secret("aws_session_token", "Session token").required(),
                REGION,
                ENDPOINT,
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "iam-role",
            name: "IAM role",
            description: "Temporary credentials of a role that a key may assume.",
            attributes: &[POLICY_ARNS, POLICY, KEY_ID, KEY, REGION, ENDPOINT, ROLE.required()],
            expiry: made(None, 3600),
        },
        AuthMethod {
            word: "session-token",
            name: "Session token",
            description: "Temporary credentials with the rights of a key.",
            attributes: &[KEY_ID, KEY, REGION, ENDPOINT],
            expiry: made(Some(129_600), 43_200),
        },
        AuthMethod {
            word: "federation-token",
            name: "Federation token",
            description: "Temporary credentials with some of the rights of a key.",
            attributes: &[POLICY_ARNS, POLICY, KEY_ID, KEY, REGION, ENDPOINT],
            expiry: made(Some(129_600), 43_200),
        },
    ],
    has_auto_configuration: true,
    logo_url: LOGO,
    emoji: ":large_orange_diamond:",
    is_listed: false,
};

fn bucket(id: &str) -> Option<String> {
    let prefixed = id.strip_prefix("arn:aws:s3:::").or_else(|| id.strip_prefix("s3://"));
    let name = prefixed.map_or(id, before_path);
    is_bucket(name, |byte| is_dashed(byte) || byte == b'.').then(|| format!("s3://{name}"))
}

/// The parts of an ARN: region, account, resource.
fn arn<'a>(id: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut parts = id.strip_prefix("arn:aws:")?.strip_prefix(service)?.strip_prefix(':')?.splitn(3, ':');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && is_of(account, |byte| byte.is_ascii_digit())
}

fn region(settings: &Settings) -> &str {
    settings.get("region").and_then(Value::as_str).unwrap_or_default()
}

fn cluster(settings: &Settings, id: &str) -> Option<String> {
    let name = match arn(id, "eks") {
        Some((place, account, resource)) if place == region(settings) && is_account(account) => {
            resource.strip_prefix("cluster/")?
        }
        Some(_) => return None,
        None => id,
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && is_of(name, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    is_name.then(|| name.to_owned())
}

fn registry(settings: &Settings, id: &str) -> Option<String> {
    let of = region(settings);
    let account = match arn(id, "ecr") {
        Some((place, account, resource)) => {
            (place == of && before_path(resource) == "repository").then_some(account)?
        }
        None => {
            let host = before_path(without_scheme(id));
            host.strip_suffix(&format!(".dkr.ecr.{of}.amazonaws.com"))?
        }
    };
    is_account(account).then(|| format!("{account}.dkr.ecr.{of}.amazonaws.com"))
}
