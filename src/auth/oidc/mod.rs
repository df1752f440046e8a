//! People by OpenID Connect: the provider that knows them, what it says of them, and a sign-in that has begun.

pub(crate) mod logout_token;
pub(crate) mod pending;
pub(crate) mod person;
pub(crate) mod provider;
mod types;

use std::time::Duration;

use secrecy::SecretString;

use self::pending::PendingSignIns;
use self::provider::Provider;
use crate::config::OidcSettings;
use crate::http::error::ApiError;
use crate::issuers::Issuers;

/// Logout tokens that are remembered, and for how long: longer than one is good.
const REMEMBERED: u64 = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(900);

/// The provider, and what it takes to sign in by it.
pub struct Oidc {
    pub(crate) provider: Provider,
    pub(crate) pending: PendingSignIns,
    /// Logout tokens that were used, by their `jti`.
    pub used_logout_tokens: moka::sync::Cache<String, ()>,
}

impl Oidc {
    /// None where the settings name no provider.
    pub fn new(settings: &OidcSettings, signing_secret: &SecretString, issuers: &Issuers) -> Option<Self> {
        Some(Self {
            provider: Provider::of(settings, issuers)?,
            pending: PendingSignIns::new(signing_secret),
            used_logout_tokens: moka::sync::Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        })
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
