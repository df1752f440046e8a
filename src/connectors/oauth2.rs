//! APIs that take OAuth 2.0 access tokens.

use super::attributes::Attribute;
use super::{AuthMethod, ConnectorType, Expiry, ResourceIds, ResourceType};

const LOGO: &str = "https://public-flavor-logos.s3.eu-central-1.amazonaws.com/service_connector/oauth.webp";

/// Parameters that the grant itself has.
const OF_GRANT: &[&str] =
    &["grant_type", "client_id", "client_secret", "refresh_token", "scope", "audience"];

const API: Attribute = Attribute::text("api_url", "Address of the API").required();
const TOKEN_URL: Attribute = Attribute::text("token_url", "Address of the token endpoint").required();
const CLIENT: Attribute = Attribute::text("client_id", "Client id").required();
const SCOPE: Attribute = Attribute::text("scope", "Scopes, separated by spaces");
const CLIENT_AUTH: Attribute = Attribute::word(
    "client_auth_method",
    "How the client proves itself",
    "ClientAuthMethod",
    &["client_secret_basic", "client_secret_post"],
);
const PARAMETERS: Attribute =
    Attribute::texts_by_name("token_params", "More parameters for the token endpoint", OF_GRANT);
const HEADERS: Attribute =
    Attribute::texts_by_name("token_headers", "More headers for the token endpoint", &["Authorization"]);

pub(super) const TYPE: ConnectorType = ConnectorType {
    word: "oauth2",
    name: "OAuth2 Service Connector",
    description: "Gets access tokens for an API by OAuth 2.0, or hands out one that was got elsewhere.",
    resource_types: &[ResourceType {
        word: "oauth2-api",
        name: "OAuth2 API",
        description: "An API by its address.",
        has_instances: false,
        logo_url: LOGO,
        emoji: ":globe_with_meridians:",
        ids: ResourceIds {
            default: |settings| settings.get("api_url")?.as_str().map(str::to_owned),
            ..ResourceIds::ANY
        },
    }],
    methods: &[
        AuthMethod {
            word: "client-credentials",
            name: "Client credentials",
            description: "The grant of a client that acts for itself (RFC 6749, section 4.4).",
            attributes: &[
                API,
                TOKEN_URL,
                CLIENT,
                SCOPE,
                CLIENT_AUTH,
                PARAMETERS,
                HEADERS,
                Attribute::secret("client_secret", "Client secret").required(),
                Attribute::text("audience", "Audience"),
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "refresh-token",
            name: "Refresh token",
            description: "Access tokens for a user who has agreed once (RFC 6749, section 6).",
            attributes: &[
                API,
                TOKEN_URL,
                CLIENT,
                SCOPE,
                CLIENT_AUTH,
                PARAMETERS,
                HEADERS,
                Attribute::secret("refresh_token", "Refresh token").required(),
                Attribute::secret("client_secret", "Client secret"),
            ],
            expiry: Expiry::AsConfigured,
        },
        AuthMethod {
            word: "token",
            name: "Access token",
            description: "An access token as it is.",
            attributes: &[API, Attribute::secret("access_token", "Access token").required()],
            expiry: Expiry::AsConfigured,
        },
    ],
    has_auto_configuration: false,
    logo_url: LOGO,
    emoji: ":closed_lock_with_key:",
    is_listed: true,
};
