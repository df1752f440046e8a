//! Kubernetes clusters.

use super::attributes::Attribute;
use super::{AuthMethod, ConnectorType, Expiry, ResourceIds, ResourceType};

const LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/orchestrator/kubernetes.png";

const SERVER: Attribute = Attribute::text("server", "Address of the API server").required();
const AUTHORITY: Attribute = Attribute::secret("certificate_authority", "Certificate of the authority, in base64");
const INSECURE: Attribute = Attribute::flag("insecure", "Trust any certificate of the server", false);
const CLUSTER: Attribute = Attribute::text("cluster_name", "Name of the cluster").required();

pub(super) const TYPE: ConnectorType = ConnectorType {
    word: "kubernetes",
    name: "Kubernetes Service Connector",
    description: "Signs in to the API server of a Kubernetes cluster. For clusters that are managed by a cloud the \
                  connector of that cloud makes credentials that end.",
    resource_types: &[ResourceType {
        word: "kubernetes-cluster",
        name: "Kubernetes cluster",
        description: "A cluster by the name that it has in the configuration.",
        has_instances: false,
        logo_url: LOGO,
        emoji: ":cyclone:",
        ids: ResourceIds {
            default: |settings| settings.get("cluster_name")?.as_str().map(str::to_owned),
            ..ResourceIds::ANY
        },
    }],
    methods: &[
        AuthMethod {
            word: "password",
            name: "User and password",
            description: "A user's name and password, which the cluster has to take with HTTP Basic.",
            attributes: &[
                Attribute::secret("username", "User name").required(),
                Attribute::secret("password", "Password").required(),
                AUTHORITY,
                SERVER,
                INSECURE,
                CLUSTER,
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "token",
            name: "Token or client certificate",
            description: "A bearer token, a client's certificate with its key, or both.",
            attributes: &[
                Attribute::secret("client_certificate", "Certificate of the client, in base64"),
                Attribute::secret("client_key", "Key of that certificate, in base64"),
                Attribute::secret("token", "Bearer token"),
                AUTHORITY,
                SERVER,
                INSECURE,
                CLUSTER,
            ],
            expiry: Expiry::AsConfigured,
        },
    ],
    has_auto_configuration: true,
    logo_url: LOGO,
    emoji: ":cyclone:",
    is_listed: true,
};
