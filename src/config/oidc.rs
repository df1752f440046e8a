//! `ZENDO_OIDC_*`: the provider that knows people (OpenID Connect).

use std::net::IpAddr;

use serde::Deserialize;
use url::{Host, Url};

use super::value::{AtLeast, Flag, Secret, Setting, Text, optional, setting};
use super::{AuthScheme, ConfigError};

pub(super) const PREFIX: &str = "ZENDO_OIDC_";
/// What each provider says for itself; for the rest, what is said for all counts.
const OWN: [&str; 5] = ["ISSUER", "CLIENT_ID", "CLIENT_SECRET", "NAME", "PROVIDERS"];

/// What the settings of a further provider start with.
pub(super) fn prefix_of(key: &str) -> String {
    format!("{PREFIX}{}_", key.to_uppercase())
}

/// The settings of a further provider: its own ones, and for what it doesn't say those of all.
pub(super) fn with_those_of_all(key: &str, variables: &[(String, String)]) -> Vec<(String, String)> {
    let prefix = prefix_of(key);
    let names = super::names_of::<OidcSettings>(PREFIX);
    let of_all = variables.iter().filter_map(|(name, value)| {
        let field = name.strip_prefix(PREFIX).filter(|field| !OWN.contains(field))?;
        let is_setting = names.contains(name);
        let own = format!("{prefix}{field}");
        let is_said = variables.iter().any(|(name, _)| *name == own);
        (is_setting && !is_said).then(|| (own, value.clone()))
    });
    of_all.chain(variables.iter().filter(|(name, _)| name.starts_with(&prefix)).cloned()).collect()
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct OidcSettings {
    /// The provider, by its issuer identifier; without it nobody signs in by OpenID Connect.
    #[serde(deserialize_with = "optional")]
    pub issuer: Option<Issuer>,
    /// Further providers, each with settings of its own.
    #[serde(deserialize_with = "setting")]
    pub providers: Keys,
    #[serde(deserialize_with = "optional")]
    pub client_id: Option<Text>,
    /// None for a public client.
    #[serde(deserialize_with = "optional")]
    pub client_secret: Option<Secret>,
    /// What the button calls the provider; without it, the issuer's host.
    #[serde(deserialize_with = "optional")]
    pub name: Option<Text>,
    /// Besides `openid`.
    #[serde(deserialize_with = "setting")]
    pub scopes: Scopes,
    /// What new accounts are named by; without it, by the first of `preferred_username`, `email` and `sub` that is there.
    #[serde(deserialize_with = "optional")]
    pub username_claim: Option<Text>,
    /// The claim that has a person's groups, or the names on the way to it, with a dot between them.
    #[serde(deserialize_with = "setting")]
    pub groups_claim: Text,
    /// Domains of verified e-mail addresses; all people may come when there are none.
    #[serde(deserialize_with = "setting")]
    pub allowed_domains: Domains,
    /// Groups of which a person has to be in one; all people may come when there are none.
    #[serde(deserialize_with = "setting")]
    pub allowed_groups: Groups,
    /// Groups whose members are admins; when there are none, groups say nothing of that.
    #[serde(deserialize_with = "setting")]
    pub admin_groups: Groups,
    /// Whether a first sign-in makes an account.
    #[serde(deserialize_with = "setting")]
    pub create_accounts: Flag,
    /// Seconds between two questions whether somebody who has signed in may still; 0 for none.
    #[serde(deserialize_with = "setting")]
    pub recheck: AtLeast<0>,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            issuer: None,
            providers: Keys::default(),
            client_id: None,
            client_secret: None,
            name: None,
            scopes: Scopes(vec!["profile".to_owned(), "email".to_owned()]),
            username_claim: None,
            groups_claim: Text("groups".to_owned()),
            allowed_domains: Domains::default(),
            allowed_groups: Groups::default(),
            admin_groups: Groups::default(),
            create_accounts: Flag(true),
            recheck: AtLeast(900),
        }
    }
}

impl OidcSettings {
    /// Checks those whose names start with this.
    pub(super) fn check(&self, prefix: &str, scheme: AuthScheme) -> Result<(), ConfigError> {
        let wrong =
            |name: &str, problem: &str| Err(ConfigError::new(format!("{prefix}{name}"), problem.to_owned()));
        if self.issuer.is_none() {
            return match prefix == PREFIX {
                true => Ok(()),
                false => wrong("ISSUER", "is needed: ZENDO_OIDC_PROVIDERS names this provider"),
            };
        }
        if self.client_id.is_none() {
            return wrong("CLIENT_ID", &format!("is needed beside {prefix}ISSUER: the provider gives it"));
        }
        if scheme != AuthScheme::OAuth2PasswordBearer {
            return wrong("ISSUER", "takes ZENML_SERVER_AUTH_SCHEME=OAUTH2_PASSWORD_BEARER, the default");
        }
        Ok(())
    }

    /// What the provider is called.
    pub fn provider_name(&self) -> String {
        let host = || self.issuer.as_ref().and_then(|issuer| issuer.0.host_str().map(str::to_owned));
        self.name.as_ref().map(|Text(name)| name.clone()).or_else(host).unwrap_or_default()
    }
}

/// An issuer identifier (OpenID Connect Core 1.0, section 2): its address, and its text letter by letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(pub Url, pub String);

impl Setting for Issuer {
    const ACCEPTED: &'static str = "an https:// URL without a query or fragment, letter by letter as the provider says it \
                                    (http:// on this machine only)";
    fn read(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_safe = match url.scheme() {
            "https" => url.has_host(),
            "http" => is_loopback(&url),
            _ => false,
        };
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let has_user = !url.username().is_empty() || url.password().is_some();
        // Whatever an address stands for in spite of how it is written would be another issuer's.
        let is_plain =
            !text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '\\');
        (is_safe && is_bare && !has_user && is_plain).then(|| Self(url, text.to_owned()))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What further providers are called in the names of settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys(pub Vec<String>);

impl Setting for Keys {
    const ACCEPTED: &'static str =
        "different names of small letters and digits, separated by commas, such as google,corp";
    fn read(text: &str) -> Option<Self> {
        let keys = parts(text, |character| character == ',');
        let is_key = |key: &String| {
            key.len() <= 32
                && key.starts_with(|first: char| first.is_ascii_lowercase())
                && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let is_once = |key: &&String| keys.iter().filter(|other| other == key).count() == 1;
        let are_keys = !keys.is_empty() && keys.iter().all(is_key) && keys.iter().all(|key| is_once(&key));
        are_keys.then_some(Self(keys))
    }
}

/// Scopes to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(pub Vec<String>);

impl Setting for Scopes {
    const ACCEPTED: &'static str = "scopes separated by blanks or commas, such as profile email groups";
    fn read(text: &str) -> Option<Self> {
        let scopes: Vec<String> = parts(text, |character| character == ',' || character == ' ');
        let is_scope =
            |scope: &String| scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        scopes
            .iter()
            .all(is_scope)
            .then(|| Self(scopes.into_iter().filter(|scope| scope != "openid").collect()))
    }
}

/// Domains of e-mail addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Domains(Vec<String>);

impl Domains {
    pub fn are_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether the address is in one of them, and not only below one.
    pub fn have(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        domain.is_some_and(|domain| self.0.contains(&domain))
    }
}

impl Setting for Domains {
    const ACCEPTED: &'static str = "domains separated by commas, such as example.com,example.org";
    fn read(text: &str) -> Option<Self> {
        let domains = parts(text, |character| character == ',');
        let is_domain = |domain: &String| {
            domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        };
        let are_domains = !domains.is_empty() && domains.iter().all(is_domain);
        are_domains.then(|| Self(domains.iter().map(|domain| domain.to_ascii_lowercase()).collect()))
    }
}

/// Names of groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Groups(Vec<String>);

impl Groups {
    pub fn are_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether one of these is among them.
    pub fn have_one_of(&self, groups: &[String]) -> bool {
        groups.iter().any(|group| self.0.contains(group))
    }
}

impl Setting for Groups {
    const ACCEPTED: &'static str = "names of groups separated by commas, such as data-science,platform";
    fn read(text: &str) -> Option<Self> {
        let groups = parts(text, |character| character == ',');
        (!groups.is_empty() && !text.contains(char::is_control)).then_some(Self(groups))
    }
}

fn parts(text: &str, is_between: fn(char) -> bool) -> Vec<String> {
    text.split(is_between).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_kept_letter_by_letter_and_is_safe_to_ask() {
        for text in [
            "https://id.example",
            "https://id.example/",
            "https://id.example/realms/a",
            "http://127.0.0.1:9/a",
        ] {
            assert_eq!(Issuer::read(text).unwrap().1, text);
        }
        for text in [
            "",
            "id.example",
            "http://id.example",
            "http://127.0.0.1.example",
            "https://id.example?a=b",
            "https://id.example#a",
            "https://u@id.example",
            "https://:p@id.example",
            "https://id.example/a b",
            "https:\\\\id.example",
            "ftp://id.example",
        ] {
            assert!(Issuer::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_address_is_in_a_domain_whole() {
        let domains = Domains::read("Example.com, example.org").unwrap();
        for (email, expected) in [
            ("ada@example.com", true),
            ("ada@EXAMPLE.org", true),
            ("ada@a.example.com", false),
            ("ada@evilexample.com", false),
            ("ada@example.com@evil.example", false),
            ("example.com", false),
            ("ada@example.com.", false),
        ] {
            assert_eq!(domains.have(email), expected, "{email}");
        }
        assert!(Domains::read("@example.com").is_none() && Domains::read(",").is_none());
    }

    #[test]
    fn providers_are_told_by_their_names_in_settings() {
        assert_eq!(Keys::read("google, corp2").unwrap().0, ["google", "corp2"]);
        for text in [",", "Google", "corp_eu", "2nd", "a,a", "a b", "\u{e4}"] {
            assert!(Keys::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_empty_list_never_lets_everybody_in() {
        for text in [",", " , "] {
            assert!(Groups::read(text).is_none() && Domains::read(text).is_none(), "{text:?}");
        }
        assert_eq!(Scopes::read("openid profile,groups").unwrap().0, ["profile", "groups"]);
        assert!(Scopes::read("a\"b").is_none());
    }
}
