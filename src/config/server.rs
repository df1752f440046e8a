//! `ZENML_SERVER_*`: how the server presents itself and how it makes and checks tokens.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::value::{
    AtLeast, Flag, HeaderSetting, HttpUrl, Seconds, Secret, Setting, Text, optional, setting,
};

/// The settings of this slice; defaults are those of contract/config.json.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct ServerSettings {
    #[serde(deserialize_with = "setting")]
    pub deployment_type: DeploymentType,
    #[serde(deserialize_with = "optional")]
    pub server_url: Option<HttpUrl>,
    #[serde(deserialize_with = "optional")]
    pub dashboard_url: Option<HttpUrl>,
    /// Folder of a dashboard that is served in front of the API.
    #[serde(deserialize_with = "optional")]
    pub dashboard_files_path: Option<PathBuf>,
    #[serde(deserialize_with = "setting")]
    pub root_url_path: RootUrlPath,
    #[serde(deserialize_with = "setting")]
    pub metadata: Metadata,
    #[serde(deserialize_with = "setting")]
    pub auth_scheme: AuthScheme,
    /// Where people sign in under the EXTERNAL scheme.
    #[serde(deserialize_with = "optional")]
    pub external_login_url: Option<HttpUrl>,
    /// Who tells whose an external token is.
    #[serde(deserialize_with = "optional")]
    pub external_user_info_url: Option<HttpUrl>,
    /// What this server is called there; without it, its own id.
    #[serde(deserialize_with = "optional")]
    pub external_server_id: Option<uuid::Uuid>,
    #[serde(deserialize_with = "setting")]
    pub jwt_token_algorithm: JwtAlgorithm,
    #[serde(deserialize_with = "optional")]
    pub jwt_token_issuer: Option<Text>,
    #[serde(deserialize_with = "optional")]
    pub jwt_token_audience: Option<Text>,
    /// Seconds by which clocks may differ.
    #[serde(deserialize_with = "setting")]
    pub jwt_token_leeway_seconds: AtLeast<0>,
    /// Minutes that a login token lives; without it, until the password changes.
    #[serde(deserialize_with = "optional")]
    pub jwt_token_expire_minutes: Option<AtLeast<1>>,
    #[serde(deserialize_with = "optional")]
    pub jwt_secret_key: Option<Secret>,
    #[serde(deserialize_with = "optional")]
    pub auth_cookie_name: Option<CookieName>,
    #[serde(deserialize_with = "optional")]
    pub auth_cookie_domain: Option<Text>,
    #[serde(deserialize_with = "setting")]
    pub cors_allow_origins: Origins,
    /// Seconds that a device waits for its approval.
    #[serde(deserialize_with = "setting")]
    pub device_auth_timeout: AtLeast<1>,
    /// Seconds between two questions of a device that waits.
    #[serde(deserialize_with = "setting")]
    pub device_auth_polling_interval: AtLeast<1>,
    /// Wrong codes that lock a device.
    #[serde(deserialize_with = "setting")]
    pub max_failed_device_auth_attempts: AtLeast<1>,
    /// Minutes that a device stays signed in; only where sign-ins end (`jwt_token_expire_minutes`).
    #[serde(deserialize_with = "optional")]
    pub device_expiration_minutes: Option<AtLeast<1>>,
    /// The same for a device that its owner trusts.
    #[serde(deserialize_with = "optional")]
    pub trusted_device_expiration_minutes: Option<AtLeast<1>>,
    /// Seconds that a generic API token lives when its request names none; unset, an hour or the maximum, if
    /// that is less.
    #[serde(deserialize_with = "optional")]
    pub generic_api_token_lifetime: Option<AtLeast<1>>,
    /// Seconds that a generic API token lives at most.
    #[serde(deserialize_with = "setting")]
    pub generic_api_token_max_lifetime: AtLeast<1>,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_server: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_hsts: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_xfo: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_content: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_csp: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_referrer: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_cache: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub secure_headers_permissions: HeaderSetting,
    #[serde(deserialize_with = "setting")]
    pub server_name: Text,
    #[serde(deserialize_with = "setting")]
    pub display_announcements: Flag,
    #[serde(deserialize_with = "setting")]
    pub display_updates: Flag,
    /// Unset: the admin is made at the first start. False: the server waits for its activation.
    #[serde(deserialize_with = "optional")]
    pub auto_activate: Option<Flag>,
    /// Passwords that are checked at the same time, at most.
    #[serde(deserialize_with = "setting")]
    pub auth_thread_pool_size: AtLeast<1>,
    /// Whether sign-ins are counted by address as ZenML counts them, besides zendo's own limits.
    #[serde(deserialize_with = "setting")]
    pub rate_limit_enabled: Flag,
    /// Failed sign-ins of one address in a minute.
    #[serde(deserialize_with = "setting")]
    pub login_rate_limit_minute: AtLeast<0>,
    /// Failed sign-ins of one address in a day.
    #[serde(deserialize_with = "setting")]
    pub login_rate_limit_day: AtLeast<0>,
    /// Seconds after which a request is answered with 429.
    #[serde(deserialize_with = "setting")]
    pub request_timeout: AtLeast<1>,
    #[serde(deserialize_with = "setting")]
    pub max_request_body_size_in_bytes: AtLeast<1>,
    /// Bytes of an artifact's data that can be downloaded at most.
    #[serde(deserialize_with = "setting")]
    pub file_download_size_limit: AtLeast<0>,
    /// Whether a request that is sent again with its `Idempotency-Key` gets its first answer.
    #[serde(deserialize_with = "setting")]
    pub request_deduplication: Flag,
    /// Seconds that an answer can be asked for again.
    #[serde(deserialize_with = "setting")]
    pub request_cache_timeout: AtLeast<0>,
    /// Seconds between two sweeps of answers that nobody can ask for any more.
    #[serde(deserialize_with = "setting")]
    pub api_transaction_cleanup_interval: AtLeast<1>,
    /// Answers that are deleted at once.
    #[serde(deserialize_with = "setting")]
    pub api_transaction_cleanup_batch_size: AtLeast<1>,
    /// Seconds that a sweep lasts at most.
    #[serde(deserialize_with = "setting")]
    pub api_transaction_cleanup_time_budget: Seconds,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            deployment_type: DeploymentType::Other,
            server_url: None,
            dashboard_url: None,
            dashboard_files_path: None,
            root_url_path: RootUrlPath::default(),
            metadata: Metadata::default(),
            auth_scheme: AuthScheme::OAuth2PasswordBearer,
            external_login_url: None,
            external_user_info_url: None,
            external_server_id: None,
            jwt_token_algorithm: JwtAlgorithm::HS256,
            jwt_token_issuer: None,
            jwt_token_audience: None,
            jwt_token_leeway_seconds: AtLeast(10),
            jwt_token_expire_minutes: None,
            jwt_secret_key: None,
            auth_cookie_name: None,
            auth_cookie_domain: None,
            cors_allow_origins: Origins::default(),
            device_auth_timeout: AtLeast(300),
            device_auth_polling_interval: AtLeast(5),
            max_failed_device_auth_attempts: AtLeast(3),
            device_expiration_minutes: None,
            trusted_device_expiration_minutes: None,
            generic_api_token_lifetime: None,
            generic_api_token_max_lifetime: AtLeast(604_800),
            secure_headers_server: HeaderSetting::Default,
            secure_headers_hsts: HeaderSetting::Default,
            secure_headers_xfo: HeaderSetting::Default,
            secure_headers_content: HeaderSetting::Default,
            secure_headers_csp: HeaderSetting::Default,
            secure_headers_referrer: HeaderSetting::Default,
            secure_headers_cache: HeaderSetting::Default,
            secure_headers_permissions: HeaderSetting::Default,
            server_name: Text("default".to_owned()),
            display_announcements: Flag(true),
            display_updates: Flag(true),
            auto_activate: None,
            auth_thread_pool_size: AtLeast(5),
            rate_limit_enabled: Flag(false),
            login_rate_limit_minute: AtLeast(5),
            login_rate_limit_day: AtLeast(1000),
            request_timeout: AtLeast(20),
            max_request_body_size_in_bytes: AtLeast(268_435_456),
            file_download_size_limit: AtLeast(2_147_483_648),
            request_deduplication: Flag(true),
            request_cache_timeout: AtLeast(300),
            api_transaction_cleanup_interval: AtLeast(15),
            api_transaction_cleanup_batch_size: AtLeast(1000),
            api_transaction_cleanup_time_budget: Seconds(Duration::from_secs(1)),
        }
    }
}

/// Seconds that a generic API token lives when neither the request nor the operator says.
const TOKEN_LIFETIME: u32 = 3600;

impl ServerSettings {
    /// Seconds that a generic API token lives when its request names none.
    pub fn default_token_lifetime(&self) -> u32 {
        let max = self.generic_api_token_max_lifetime.0;
        self.generic_api_token_lifetime.map_or(TOKEN_LIFETIME.min(max), |lifetime| lifetime.0)
    }

    /// What can only be judged from two settings together.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.auth_scheme == AuthScheme::External {
            let urls = [
                ("ZENML_SERVER_EXTERNAL_LOGIN_URL", &self.external_login_url),
                ("ZENML_SERVER_EXTERNAL_USER_INFO_URL", &self.external_user_info_url),
            ];
            if let Some((missing, _)) = urls.iter().find(|(_, url)| url.is_none()) {
                let problem = format!("the EXTERNAL scheme needs it; give {}", HttpUrl::ACCEPTED);
                return Err(ConfigError::new(*missing, problem));
            }
        }
        let max = self.generic_api_token_max_lifetime.0;
        if let Some(AtLeast(lifetime)) = self.generic_api_token_lifetime
            && lifetime > max
        {
            return Err(ConfigError::new(
                "ZENML_SERVER_GENERIC_API_TOKEN_LIFETIME",
                format!(
                    "{lifetime} seconds are more than ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME \
                     allows; give at most {max}, or raise the maximum"
                ),
            ));
        }
        Ok(())
    }
}

/// Kinds of deployment, told by `/info` (contract schema ServerDeploymentType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentType {
    Local,
    Docker,
    Alpha,
    Other,
    Sandbox,
    Cloud,
    #[serde(rename = "aws")]
    Aws,
    #[serde(rename = "gcp")]
    Gcp,
    #[serde(rename = "azure")]
    Azure,
    Kubernetes,
    HfSpaces,
}

impl Setting for DeploymentType {
    const ACCEPTED: &'static str =
        "local, docker, gcp, aws, azure, alpha, sandbox, kubernetes, hf_spaces, cloud or other";
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "local" => Self::Local,
            "docker" => Self::Docker,
            "alpha" => Self::Alpha,
            "other" => Self::Other,
            "sandbox" => Self::Sandbox,
            "cloud" => Self::Cloud,
            "aws" => Self::Aws,
            "gcp" => Self::Gcp,
            "azure" => Self::Azure,
            "kubernetes" => Self::Kubernetes,
            "hf_spaces" => Self::HfSpaces,
            _ => return None,
        })
    }
}

/// How people sign in (contract schema AuthScheme).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum AuthScheme {
    #[serde(rename = "NO_AUTH")]
    NoAuth,
    #[serde(rename = "HTTP_BASIC")]
    HttpBasic,
    #[serde(rename = "OAUTH2_PASSWORD_BEARER")]
    OAuth2PasswordBearer,
    #[serde(rename = "EXTERNAL")]
    External,
}

impl Setting for AuthScheme {
    const ACCEPTED: &'static str = "OAUTH2_PASSWORD_BEARER, EXTERNAL, HTTP_BASIC or NO_AUTH";
    fn read(text: &str) -> Option<Self> {
        match text {
            "NO_AUTH" => Some(Self::NoAuth),
            "HTTP_BASIC" => Some(Self::HttpBasic),
            "OAUTH2_PASSWORD_BEARER" => Some(Self::OAuth2PasswordBearer),
            "EXTERNAL" => Some(Self::External),
            _ => None,
        }
    }
}

/// The HMAC algorithms of RFC 7518, section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    HS256,
    HS384,
    HS512,
}

impl Setting for JwtAlgorithm {
    const ACCEPTED: &'static str = "one of HS256, HS384, HS512";
    fn read(text: &str) -> Option<Self> {
        match text {
            "HS256" => Some(Self::HS256),
            "HS384" => Some(Self::HS384),
            "HS512" => Some(Self::HS512),
            _ => None,
        }
    }
}

/// Where every route starts behind a proxy: empty, or `/` and a path without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RootUrlPath(pub String);

impl Setting for RootUrlPath {
    const ACCEPTED: &'static str = "nothing, or a path that must start with / such as /zenml";
    fn read(text: &str) -> Option<Self> {
        let path = text.trim_end_matches('/');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~' | '%');
        let is_path = path.starts_with('/') && path.chars().all(is_plain) && !path.contains("//");
        (text.is_empty() || text == "/" || is_path).then(|| Self(path.to_owned()))
    }
}

/// Free facts about the deployment, told by `/info`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata(pub BTreeMap<String, String>);

impl Setting for Metadata {
    const ACCEPTED: &'static str = r#"a JSON object of texts, such as {"team": "vision"}"#;
    fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        serde_json::from_str(text).ok().map(Self)
    }
}

/// A cookie's name: a token of RFC 6265, section 4.1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieName(pub String);

impl Setting for CookieName {
    const ACCEPTED: &'static str = "letters, digits and any of !#$%&'*+-.^_`|~";
    fn read(text: &str) -> Option<Self> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        (!text.is_empty() && text.chars().all(is_token)).then(|| Self(text.to_owned()))
    }
}

/// Who may call from a page of another origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Whether pages of all others may read what needs no credentials.
    pub any: bool,
    pub listed: Vec<http::HeaderValue>,
}

impl Setting for Origins {
    const ACCEPTED: &'static str =
        "* or origins separated by commas, such as https://a.example,https://b.example";
    fn read(text: &str) -> Option<Self> {
        let said = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let (all, named): (Vec<&str>, Vec<&str>) = said.partition(|part| *part == "*");
        let listed = named
            .into_iter()
            .map(|origin| HttpUrl::read(origin).and_then(|url| http::HeaderValue::from_str(&url.0).ok()));
        Some(Self { any: !all.is_empty(), listed: listed.collect::<Option<Vec<_>>>()? })
    }
}
