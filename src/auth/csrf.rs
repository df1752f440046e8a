//! The second secret of a browser session whose sign-in came from another site.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

/// Keeps these MACs apart from token signatures, which use the same secret.
const DOMAIN: &[u8] = b"zendo csrf\0";

/// Makes and checks CSRF tokens: a MAC over the session, so nothing needs to be kept.
#[derive(Debug)]
pub struct CsrfTokens {
    secret: SecretString,
}

impl CsrfTokens {
    pub fn new(secret: SecretString) -> Self {
        Self { secret }
    }

    /// The CSRF token of a session.
    pub fn issue(&self, session_id: Uuid) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(session_id).finalize().into_bytes())
    }

    /// Whether `token` is the session's, compared in constant time.
    pub fn verify(&self, session_id: Uuid, token: &str) -> bool {
        let decoded = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        self.mac(session_id).verify_slice(&decoded).is_ok()
    }

    fn mac(&self, session_id: Uuid) -> Hmac<Sha256> {
        let mut mac = hmac(self.secret.expose_secret().as_bytes());
        mac.update(DOMAIN);
        mac.update(session_id.as_bytes());
        mac
    }
}

/// HMAC-SHA-256 with that key.
pub(crate) fn hmac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes a key of any length, so the other branch is never taken; its key would prove nothing.
    Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_session_only() {
        let tokens = CsrfTokens::new("sesame".to_owned().into());
        let token = tokens.issue(Uuid::from_u128(1));
        assert!(tokens.verify(Uuid::from_u128(1), &token));
        assert!(!tokens.verify(Uuid::from_u128(2), &token));
        assert!(!tokens.verify(Uuid::from_u128(1), ""));
        assert!(!tokens.verify(Uuid::from_u128(1), "not base64!"));
        assert!(!CsrfTokens::new("other".to_owned().into()).verify(Uuid::from_u128(1), &token));
    }
}
