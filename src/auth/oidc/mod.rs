//! People by OpenID Connect: the provider that knows them, what it says of them, and a sign-in that has begun.

pub(crate) mod logout_token;
pub(crate) mod pending;
pub(crate) mod person;
pub(crate) mod provider;
mod types;

use secrecy::SecretString;

use self::pending::PendingSignIns;
use self::provider::Provider;
use crate::config::Config;
use crate::http::error::ApiError;
use crate::issuers::Issuers;
use crate::recent::Recent;

/// Logout tokens that are remembered.
const REMEMBERED: usize = 10_000;

/// The providers, and what it takes to sign in by them.
pub struct Oidc {
    /// At least one.
    providers: Vec<Provider>,
    pub(crate) pending: PendingSignIns,
    /// Logout tokens that were used, by their fingerprints.
    used_logout_tokens: Recent<[u8; 32], ()>,
}

impl Oidc {
    /// None where the settings name no provider.
    pub fn new(config: &Config, signing_secret: &SecretString, issuers: &Issuers) -> Option<Self> {
        let providers: Vec<Provider> =
            config.providers().filter_map(|settings| Provider::of(settings, issuers)).collect();
        (!providers.is_empty()).then(|| Self {
            providers,
            pending: PendingSignIns::new(signing_secret),
            used_logout_tokens: Recent::new(REMEMBERED),
        })
    }

    pub(crate) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The provider with that issuer identifier.
    pub(crate) fn of_issuer(&self, issuer: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.issuer() == issuer)
    }

    /// The one that is asked for; without a word, the first one.
    ///
    /// # Errors
    /// 404 for one that isn't here.
    pub(crate) fn asked(&self, issuer: Option<&str>) -> Result<&Provider, ApiError> {
        let found = match issuer {
            Some(issuer) => self.of_issuer(issuer),
            None => self.providers.first(),
        };
        found.ok_or_else(|| ApiError::does_not_exist("People don't sign in by that provider on this server."))
    }

    /// What they are called, in a sentence.
    pub(crate) fn names(&self) -> String {
        self.providers.iter().map(Provider::name).collect::<Vec<_>>().join(" or ")
    }
}

/// Why the provider's word counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// It gave no usable answer.
    #[error("{name} can't be asked: {reason}")]
    Away { name: String, reason: String },
    /// What it, or whoever came from it, says isn't right.
    #[error("{0}")]
    Refused(String),
}

impl OidcError {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Away { .. } => {
                tracing::warn!(%error, "nobody can sign in by the provider");
                Self::plain(http::StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
            OidcError::Refused(reason) => Self::credentials(reason),
        }
    }
}
