//! A sign-in that has begun and is at the provider now: sealed, in a cookie of the browser that has begun it, so that
//! whichever replica it comes back to can end it, and nobody else's browser.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::auth::cipher::SecretCipher;
use crate::env::random::Randomness;

/// How long somebody may take at the provider.
pub(crate) const LIFE: TimeDelta = TimeDelta::minutes(10);

/// What is to come back from the provider, and what it is for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PendingSignIn {
    /// Where it is: what another provider sends back is not of it.
    pub issuer: String,
    pub state: String,
    pub nonce: String,
    /// PKCE's (RFC 7636).
    pub verifier: String,
    pub redirect_uri: String,
    /// Where it leads.
    pub next: String,
    /// The account that is to be linked, of somebody who is signed in.
    pub links: Option<Uuid>,
    /// Seconds since 1970.
    pub ends: i64,
}

impl PendingSignIn {
    /// Whether that is its state; takes as long whatever differs.
    pub(crate) fn is_of_state(&self, state: &str) -> bool {
        Sha256::digest(&self.state) == Sha256::digest(state)
    }
}

/// Seals and opens them.
#[derive(Debug)]
pub(crate) struct PendingSignIns(SecretCipher);

impl PendingSignIns {
    pub(super) fn new(signing_secret: &SecretString) -> Self {
        let key = SecretString::from(format!(
            "pending sign-ins by OpenID Connect\n{}",
            signing_secret.expose_secret()
        ));
        Self(SecretCipher::new(Some(&key)))
    }

    /// The cookie's value; none if it can't be sealed, which doesn't happen.
    pub(crate) fn seal(&self, pending: &PendingSignIn, random: &dyn Randomness) -> Option<String> {
        let json = serde_json::to_vec(pending).ok()?;
        self.0.seal_bytes(&json, random).ok()
    }

    /// What such a value holds, if this server or a replica has made it and its time isn't over.
    pub(crate) fn open(&self, value: &str, now: DateTime<Utc>) -> Option<PendingSignIn> {
        let json = self.0.open_bytes(value.as_bytes())?;
        let pending: PendingSignIn = serde_json::from_slice(json.expose_secret()).ok()?;
        (pending.ends > now.timestamp()).then_some(pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::random::SystemRandomness;

    #[test]
    fn one_is_good_for_a_time_and_where_the_secret_is_known() {
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let pending = PendingSignIn {
            issuer: "https://id.example".to_owned(),
            state: "state".to_owned(),
            nonce: "nonce".to_owned(),
            verifier: "verifier".to_owned(),
            redirect_uri: "https://zen.example/console/oidc/callback".to_owned(),
            next: "/console/".to_owned(),
            links: None,
            ends: (now + LIFE).timestamp(),
        };
        let (here, elsewhere) = (PendingSignIns::new(&"a".into()), PendingSignIns::new(&"b".into()));
        let value = here.seal(&pending, &SystemRandomness).unwrap();
        assert!(!value.contains("verifier"));
        assert!(here.open(&value, now).is_some_and(|it| it.is_of_state("state") && !it.is_of_state("stat")));
        assert!(here.open(&value, now + LIFE).is_none());
        assert!(elsewhere.open(&value, now).is_none() && here.open("e30=", now).is_none());
    }
}
