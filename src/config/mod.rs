//! Every setting, typed and read once: `ZENML_SERVER_*`, `ZENML_STORE_*`, `ZENML_DEFAULT_*`, `ZENDO_*`.
//!
//! Source of names and defaults: contract/config.json.

mod bootstrap;
mod folders;
mod listen;
mod names;
mod oidc;
pub(crate) mod password;
mod secrets;
mod server;
mod store;
mod store_url;
mod value;
mod warnings;
mod workload;
mod zendo;

use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

pub(crate) use bootstrap::BootstrapSettings;
pub(crate) use listen::Listen;
pub(crate) use oidc::{Issuer, OidcSettings};
pub(crate) use secrets::{SecretsStoreSettings, SecretsStoreType};
pub(crate) use server::{AuthScheme, DeploymentType, JwtAlgorithm, ServerSettings};
pub(crate) use store::StoreSettings;
pub(crate) use store_url::StoreLocation;
pub(crate) use value::{Flag, HeaderSetting, HttpUrl, Text};
pub use value::{Secret, Setting};
pub(crate) use warnings::WebhookSecrets;
pub(crate) use workload::{Leeway, WorkloadSettings};
pub use zendo::SigningAlgorithm;
pub(crate) use zendo::{
    AbsolutePath, AuditLog, Destination, Names, Networks, PreflightMethod, ZendoSettings,
};
#[cfg(test)]
pub(crate) use {server::Origins, value::AtLeast};

/// All settings of one process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    pub server: ServerSettings,
    pub store: StoreSettings,
    pub secrets_store: SecretsStoreSettings,
    pub bootstrap: BootstrapSettings,
    pub workload: WorkloadSettings,
    pub zendo: ZendoSettings,
    pub oidc: OidcSettings,
    /// Those of the further providers.
    pub more_oidc: Vec<OidcSettings>,
}

/// An invalid setting. Its text is one line: the variable, what is wrong, what is accepted.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    pub variable: String,
    pub problem: String,
}

impl ConfigError {
    fn new(variable: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { variable: variable.into(), problem: problem.into() }
    }
}

impl Config {
    /// Reads the settings from environment variables, given as pairs so that a test can give its own. One that is set to
    /// nothing is as if it were not set: compose files and charts say `${NAME:-}`.
    ///
    /// Returns the settings and the warnings to print: unknown names, and names without effect here.
    ///
    /// # Errors
    /// [`ConfigError`] for the first invalid variable.
    pub fn from_env(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<String>), ConfigError> {
        let variables: Vec<(String, String)> =
            variables.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
        let oidc: OidcSettings = read(oidc::PREFIX, &variables)?;
        let more_oidc = oidc.providers.0.iter().map(|key| {
            read::<OidcSettings>(&oidc::prefix_of(key), &oidc::with_those_of_all(key, &variables))
        });
        let config = Self {
            server: read("ZENML_SERVER_", &variables)?,
            store: read("ZENML_STORE_", &variables)?,
            secrets_store: read("ZENML_SECRETS_STORE_", &variables)?,
            bootstrap: read("ZENML_DEFAULT_", &variables)?,
            workload: read("ZENML_WORKLOAD_", &variables)?,
            zendo: read("ZENDO_", &variables)?,
            more_oidc: more_oidc.collect::<Result<_, _>>()?,
            oidc,
        };
        config.server.check()?;
        config.store.check()?;
        config.bootstrap.check()?;
        config.check_providers()?;
        config.zendo.check()?;
        let warnings = names::warnings(&variables, &config.oidc.providers.0);
        Ok((config, warnings))
    }

    /// The providers that know people.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &OidcSettings> {
        std::iter::once(&self.oidc).chain(&self.more_oidc).filter(|provider| provider.issuer.is_some())
    }

    fn check_providers(&self) -> Result<(), ConfigError> {
        let scheme = self.server.auth_scheme;
        self.oidc.check(oidc::PREFIX, scheme)?;
        let more = self.oidc.providers.0.iter().zip(&self.more_oidc);
        for (key, settings) in more {
            let prefix = oidc::prefix_of(key);
            settings.check(&prefix, scheme)?;
            if self.providers().filter(|other| other.issuer == settings.issuer).count() > 1 {
                // A person is an issuer and a subject.
                return Err(ConfigError::new(format!("{prefix}ISSUER"), "is another provider's, too"));
            }
        }
        Ok(())
    }
}

/// What an operator should know to be unsafe in these settings, a line each.
pub(crate) fn unsafe_settings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let weak = |secret: &Option<Secret>, least: usize| {
        secret.as_ref().is_some_and(|Secret(secret)| secret.expose_secret().len() < least)
    };
    if weak(&config.server.jwt_secret_key, 32) {
        warnings.push(
            "ZENML_SERVER_JWT_SECRET_KEY is shorter than 32 characters and can be guessed; leave it unset to \
             have one made, or give a longer one (openssl rand -hex 32)"
                .to_owned(),
        );
    }
    if weak(&config.bootstrap.user_password, 12) {
        warnings.push(
            "ZENML_DEFAULT_USER_PASSWORD is shorter than 12 characters; leave it unset to have one made"
                .to_owned(),
        );
    }
    if config.server.auto_activate == Some(Flag(false)) && config.bootstrap.user_password.is_some() {
        warnings.push(
            "ZENML_DEFAULT_USER_PASSWORD has no effect while ZENML_SERVER_AUTO_ACTIVATE is false: whoever \
             activates the server chooses the password"
                .to_owned(),
        );
    }
    if config.server.auth_scheme == AuthScheme::NoAuth {
        warnings.push(
            "ZENML_SERVER_AUTH_SCHEME is NO_AUTH: everyone who reaches the server is its admin".to_owned(),
        );
    }
    if !config.zendo.password_sign_in.0 && config.providers().next().is_none() {
        warnings.push(
            "ZENDO_PASSWORD_SIGN_IN is false and ZENDO_OIDC_ISSUER is not set: nobody signs in but with a password that \
             `zendo user` has just set"
                .to_owned(),
        );
    }
    let is_http = config.server.server_url.as_ref().is_some_and(|url| url.0.starts_with("http://"));
    let listens_outside = !config.zendo.listen.is_loopback();
    if is_http && listens_outside {
        warnings.push(
            "ZENML_SERVER_SERVER_URL is http: passwords and tokens cross the network unprotected; put a proxy \
             with TLS in front"
                .to_owned(),
        );
    }
    warnings
}

/// The names of all variables that [`Config`] reads.
pub fn variable_names() -> Vec<String> {
    [
        names_of::<ServerSettings>("ZENML_SERVER_"),
        names_of::<StoreSettings>("ZENML_STORE_"),
        names_of::<SecretsStoreSettings>("ZENML_SECRETS_STORE_"),
        names_of::<BootstrapSettings>("ZENML_DEFAULT_"),
        names_of::<WorkloadSettings>("ZENML_WORKLOAD_"),
        names_of::<ZendoSettings>("ZENDO_"),
        names_of::<OidcSettings>(oidc::PREFIX),
    ]
    .concat()
}

/// The names of the variables of one group.
fn names_of<T: DeserializeOwned>(prefix: &str) -> Vec<String> {
    let fields = serde_aux::serde_introspection::serde_introspect::<T>();
    fields.iter().map(|field| format!("{prefix}{}", field.to_uppercase())).collect()
}

/// The names of the variables of a further provider.
fn variable_names_of(key: &str) -> impl Iterator<Item = String> {
    let prefix = oidc::prefix_of(key);
    let of_all = format!("{prefix}PROVIDERS");
    names_of::<OidcSettings>(&prefix).into_iter().filter(move |name| *name != of_all)
}

/// What the names of settings start with.
const PREFIXES: [&str; 6] =
    ["ZENML_SERVER_", "ZENML_STORE_", "ZENML_SECRETS_STORE_", "ZENML_DEFAULT_", "ZENML_WORKLOAD_", "ZENDO_"];

/// Reads one group of settings, each variable alone first, since only then an error can name it.
fn read<T: DeserializeOwned>(prefix: &str, variables: &[(String, String)]) -> Result<T, ConfigError> {
    let of_group: Vec<(String, String)> =
        variables.iter().filter(|(name, _)| name.starts_with(prefix)).cloned().collect();
    for (name, value) in &of_group {
        envy::prefixed(prefix)
            .from_iter::<_, T>([(name.clone(), value.clone())])
            .map_err(|error| ConfigError::new(name, error.to_string()))?;
    }
    envy::prefixed(prefix).from_iter(of_group).map_err(|error| ConfigError::new(prefix, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<(Config, Vec<String>), ConfigError> {
        Config::from_env(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())))
    }

    fn problem(name: &str, value: &str) -> String {
        from(&[(name, value)]).expect_err("the value was taken").to_string()
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        assert_eq!(from(&[]).unwrap(), (Config::default(), vec![]));
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_is_as_unset() {
        let unknown =
            ["ZENML_SERVER_AUTO_CREATE_DEFAULT_USER", "ZENML_SERVER_THREAD_POOL_SIZE", "ZENDO_TYPO"];
        let all: Vec<String> = variable_names().into_iter().chain(unknown.map(str::to_owned)).collect();
        for nothing in ["", " ", "\n", "\t \r\n"] {
            for name in &all {
                assert_eq!(from(&[(name, nothing)]), Ok((Config::default(), vec![])), "{name}={nothing:?}");
            }
            let together = all.iter().map(|name| (name.clone(), nothing.to_owned()));
            assert_eq!(Config::from_env(together), Ok((Config::default(), vec![])), "{nothing:?}");
        }
    }

    #[test]
    fn what_the_url_of_the_store_says_counts_first() {
        let variables = [
            ("ZENML_STORE_URL", "mysql://a:b@h/db?ssl_ca=url.pem&ssl_verify_server_cert=true"),
            ("ZENML_STORE_USERNAME", "c"),
            ("ZENML_STORE_PASSWORD", "d"),
            ("ZENML_STORE_SSL_CA", "variable.pem"),
            ("ZENML_STORE_SSL_VERIFY_SERVER_CERT", "false"),
        ];
        let store = from(&variables).unwrap().0.store;
        assert_eq!(store.account(), (Some("a"), Secret::read("b").as_ref()));
        assert_eq!(store.tls().ca, Secret::read("url.pem").as_ref());
        assert!(store.tls().is_required && store.tls().verify_host);
        let store = from(&[("ZENML_STORE_URL", "mysql://h/db"), variables[1], variables[2]]).unwrap().0.store;
        assert_eq!(store.account(), (Some("c"), Secret::read("d").as_ref()));
        assert!(!store.tls().is_required);
        for one in ["ssl=1", "ssl_ca=a", "ssl_cert=a&ssl_key=b", "ssl_verify_server_cert=1"] {
            let url = format!("mysql://a:b@h/db?{one}");
            assert!(from(&[("ZENML_STORE_URL", &url)]).unwrap().0.store.tls().is_required, "{one}");
        }
        let half = problem("ZENML_STORE_URL", "mysql://a:b@h/db?ssl_cert=a");
        assert!(half.starts_with("ZENML_STORE_SSL_KEY: "), "{half}");
    }

    #[test]
    fn what_cannot_be_meant_is_named_with_what_is_accepted() {
        for (name, value, accepted) in [
            ("ZENML_SERVER_GENERIC_API_TOKEN_LIFETIME", "abc", "whole number of at least 1"),
            ("ZENML_SERVER_GENERIC_API_TOKEN_LIFETIME", "-1", "whole number of at least 1"),
            ("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "0", "whole number of at least 1"),
            ("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "99999999999999999999", "whole number"),
            ("ZENML_SERVER_GENERIC_API_TOKEN_LIFETIME", "604801", "at most"),
            ("ZENML_SERVER_JWT_TOKEN_ALGORITHM", "none", "HS256, HS384, HS512"),
            ("ZENDO_SIGNING_ALGORITHM", "none", "EdDSA, ES256 or RS256"),
            ("ZENML_SERVER_AUTH_SCHEME", "MAGIC", "OAUTH2_PASSWORD_BEARER"),
            ("ZENDO_TRUSTED_PROXIES", "proxy.example", "addresses or networks"),
            ("ZENML_SERVER_METADATA", "[1]", "JSON object"),
            ("ZENML_SERVER_AUTO_ACTIVATE", "perhaps", "true, false"),
            ("ZENML_SERVER_SERVER_URL", "example.com", "http"),
            ("ZENML_SERVER_ROOT_URL_PATH", "zenml", "start with /"),
            ("ZENML_SERVER_CORS_ALLOW_ORIGINS", "example.com", "origins"),
            ("ZENML_STORE_URL", "postgres://x/y", "mysql"),
            ("ZENML_STORE_URL", "mysql://a:b@h/db?charset=utf8", "charset is not known"),
            ("ZENML_STORE_POOL_SIZE", "0", "a whole number of at least 1"),
            ("ZENDO_LISTEN", "8080", "ADDRESS:PORT"),
            ("ZENDO_WARNING_WEBHOOKS", "ftp://example.com", "https://"),
            ("ZENDO_WARNING_WEBHOOKS", "https://example.com", "ZENDO_WARNING_SECRET"),
            ("ZENDO_WARNING_SECRET", "whsec_c2hvcnQ=", "24 to 64 random bytes"),
            ("ZENDO_WARNING_SECRET", "sesame", "whsec_"),
        ] {
            let text = problem(name, value);
            assert!(text.starts_with(&format!("{name}: ")), "{text}");
            assert!(text.contains(accepted), "{text} does not say {accepted}");
            assert!(!text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_cap_below_an_hour_needs_no_other_setting() {
        let (config, _) = from(&[("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "60")]).unwrap();
        assert_eq!(config.server.default_token_lifetime(), 60);
        assert_eq!(Config::default().server.default_token_lifetime(), 3600);
    }

    #[test]
    fn a_secret_is_not_in_the_error_or_the_debug_print() {
        let (config, _) = from(&[
            ("ZENML_SERVER_JWT_SECRET_KEY", "sesame"),
            ("ZENML_DEFAULT_USER_PASSWORD", "sesame"),
            ("ZENML_STORE_URL", "mysql://root:sesame@localhost/zenml"),
            ("ZENML_STORE_PASSWORD", "sesame"),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn further_providers_have_settings_of_their_own_and_those_of_all() {
        let all = [
            ("ZENDO_OIDC_PROVIDERS", "google,corp"),
            ("ZENDO_OIDC_ALLOWED_DOMAINS", "example.com"),
            ("ZENDO_OIDC_RECHECK", "60"),
            ("ZENDO_OIDC_GOOGLE_ISSUER", "https://accounts.google.com"),
            ("ZENDO_OIDC_GOOGLE_CLIENT_ID", "g"),
            ("ZENDO_OIDC_CORP_ISSUER", "https://id.example.com"),
            ("ZENDO_OIDC_CORP_CLIENT_ID", "c"),
            ("ZENDO_OIDC_CORP_RECHECK", "120"),
        ];
        let (config, warnings) = from(&all).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        let found: Vec<_> = config.providers().map(|it| (it.provider_name(), it.recheck.0)).collect();
        assert_eq!(found, [("accounts.google.com".to_owned(), 60), ("id.example.com".to_owned(), 120)]);
        // What keeps strangers out keeps them out by each.
        assert!(config.providers().all(|provider| provider.allowed_domains.have("a@example.com")));
        for (name, value, wrong) in [
            ("ZENDO_OIDC_CORP_ISSUER", "https://accounts.google.com", "ZENDO_OIDC_GOOGLE_ISSUER: is another"),
            ("ZENDO_OIDC_CORP_ISSUER", "", "ZENDO_OIDC_CORP_ISSUER: is needed"),
            ("ZENDO_OIDC_CORP_CLIENT_ID", "", "ZENDO_OIDC_CORP_CLIENT_ID: is needed"),
            ("ZENDO_OIDC_CORP_RECHECK", "soon", "ZENDO_OIDC_CORP_RECHECK: "),
            ("ZENDO_OIDC_RECHECK", "soon", "ZENDO_OIDC_RECHECK: "),
            ("ZENDO_OIDC_PROVIDERS", "google,google", "ZENDO_OIDC_PROVIDERS: "),
        ] {
            let others = all.into_iter().filter(|(other, _)| *other != name).chain([(name, value)]);
            let error = from(&others.collect::<Vec<_>>()).unwrap_err().to_string();
            assert!(error.starts_with(wrong), "{error}");
        }
        let typo = [all.as_slice(), &[("ZENDO_OIDC_CORP_ALOWED_GROUPS", "a")]].concat();
        let (_, warnings) = from(&typo).unwrap();
        assert!(warnings[0].ends_with("did you mean ZENDO_OIDC_CORP_ALLOWED_GROUPS?"), "{warnings:?}");
    }

    #[test]
    fn unknown_names_are_warned_about_with_the_nearest() {
        let (_, warnings) = from(&[("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFTIME", "60")]).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFTIME"), "{warnings:?}");
        assert!(warnings[0].contains("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME?"), "{warnings:?}");
    }
}
