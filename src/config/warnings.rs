//! Who is told of warnings.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretSlice;
use url::Url;

use super::value::Setting;

/// Addresses of receivers, which may be secrets themselves.
#[derive(Clone, PartialEq)]
pub struct WebhookUrls(pub Vec<Url>);

impl Setting for WebhookUrls {
    const ACCEPTED: &'static str = "addresses that start with https:// (or http:// within ZENDO_WARNING_NETWORKS), separated by \
                                    commas";
    const SECRET: bool = true;
    fn read(text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let url = |part: &str| Url::parse(part).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let urls: Vec<Url> = parts.map(url).collect::<Option<_>>()?;
        (!urls.is_empty()).then_some(Self(urls))
    }
}

impl fmt::Debug for WebhookUrls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|url| url.host_str().unwrap_or_default())).finish()
    }
}

/// What webhooks are signed with: each with all of them.
#[derive(Clone, Default)]
pub struct WebhookSecrets(pub Vec<SecretSlice<u8>>);

/// Bytes of a secret (Standard Webhooks, "Signature scheme").
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

impl Setting for WebhookSecrets {
    const ACCEPTED: &'static str = "whsec_ and the base64 of 24 to 64 random bytes (echo whsec_$(openssl rand -base64 32)), or several \
                                    with commas between";
    const SECRET: bool = true;
    fn read(text: &str) -> Option<Self> {
        let secret = |part: &str| {
            let bytes = STANDARD.decode(part.trim().strip_prefix("whsec_")?).ok()?;
            BYTES.contains(&bytes.len()).then(|| SecretSlice::from(bytes))
        };
        text.split(',').map(secret).collect::<Option<Vec<_>>>().map(Self)
    }
}

impl PartialEq for WebhookSecrets {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        let bytes = |all: &Self| all.0.iter().map(|one| one.expose_secret().to_vec()).collect::<Vec<_>>();
        bytes(self) == bytes(other)
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} secrets", self.0.len())
    }
}
