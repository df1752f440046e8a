//! API keys of service accounts: `ZENKEY_` and base64 of `{"id": ..., "key": ...}`, as ZenML's.
//!
//! A key is 256 random bits, so a keyed hash proves it as well as bcrypt does, in a microsecond. ZenML's bcrypt
//! hash stays in its column, so that ZenML's server can check the key too; the keyed hash stands beside it in
//! `zendo_api_key_digest`, under the bcrypt hash that it vouches for. So when another server rotates the key,
//! the old keyed hash vouches for nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::env::random::Randomness;
use crate::store::Id;

/// What every API key starts with.
pub(crate) const PREFIX: &str = "ZENKEY_";
const KEY_BYTES: usize = 32;

/// An API key as its holder has it.
pub struct ApiKey {
    pub id: Id,
    /// 64 hexadecimal digits.
    pub secret: SecretString,
}

#[derive(Serialize, Deserialize)]
struct Encoded<'a> {
    id: Uuid,
    key: std::borrow::Cow<'a, str>,
}

impl ApiKey {
    /// A new key for the row with that id.
    pub fn generate(id: Id, random: &dyn Randomness) -> Self {
        Self { id, secret: random.hex::<KEY_BYTES>().into() }
    }

    /// The text that its holder keeps.
    pub fn encode(&self) -> SecretString {
        let encoded = Encoded { id: self.id.0, key: self.secret.expose_secret().into() };
        let json = serde_json::to_string(&encoded).unwrap_or_default();
        format!("{PREFIX}{}", STANDARD.encode(json)).into()
    }

    /// Reads the text of a key, with or without its prefix. Files and secrets that hold one often end in a line break.
    pub fn decode(text: &str) -> Option<Self> {
        let text = text.trim();
        let json = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).ok()?;
        let encoded: Encoded<'_> = serde_json::from_slice(&json).ok()?;
        Some(Self { id: Id(encoded.id), secret: encoded.key.into_owned().into() })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes the keyed hashes of API keys.
#[derive(Debug, Clone)]
pub struct ApiKeyDigests {
    pepper: SecretString,
}

impl ApiKeyDigests {
    /// `pepper`: the same on every replica, and not in the tables that hold the digests' rows.
    pub fn new(pepper: SecretString) -> Self {
        Self { pepper }
    }

    /// HMAC-SHA-256 of the key's secret, as 64 hexadecimal digits.
    pub fn digest(&self, secret: &SecretString) -> String {
        hex::encode(self.mac(secret).finalize().into_bytes())
    }

    /// Whether the digest is that of the secret, compared in constant time.
    pub fn verify(&self, secret: &SecretString, digest: &str) -> bool {
        hex::decode(digest).is_ok_and(|stored| self.mac(secret).verify_slice(&stored).is_ok())
    }

    fn mac(&self, secret: &SecretString) -> Hmac<Sha256> {
        let pepper = self.pepper.expose_secret().as_bytes();
        let mut mac = super::csrf::hmac(pepper);
        mac.update(secret.expose_secret().as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::random::SystemRandomness;

    #[test]
    fn a_key_is_read_back_as_zenml_writes_it() {
        let id = Id(Uuid::from_u128(7));
        let key = ApiKey::generate(id, &SystemRandomness);
        assert_eq!(key.secret.expose_secret().len(), 64);
        let text = key.encode();
        assert!(text.expose_secret().starts_with("ZENKEY_"));
        let read = ApiKey::decode(text.expose_secret()).unwrap();
        assert_eq!((read.id, read.secret.expose_secret()), (id, key.secret.expose_secret()));
        for around in ["\n", "\r\n", " "] {
            let read = ApiKey::decode(&format!("{around}{}{around}", text.expose_secret())).unwrap();
            assert_eq!((read.id, read.secret.expose_secret()), (id, key.secret.expose_secret()));
        }
        let json = STANDARD.decode(&text.expose_secret()[7..]).unwrap();
        let start = r#"{"id":"00000000-0000-0000-0000-000000000007","key":""#;
        assert!(String::from_utf8(json).unwrap().starts_with(start));
        for wrong in ["", "ZENKEY_", "ZENKEY_e30=", "ZENKEY_!", "nonsense"] {
            assert!(ApiKey::decode(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_digest_is_its_secrets_alone() {
        let digests = ApiKeyDigests::new("pepper".to_owned().into());
        let secret = SecretString::from("sesame".to_owned());
        let digest = digests.digest(&secret);
        assert!(digests.verify(&secret, &digest));
        assert!(!digests.verify(&"Sesame".to_owned().into(), &digest));
        assert!(!ApiKeyDigests::new("salt".to_owned().into()).verify(&secret, &digest));
        for wrong in ["", "x", "zz", &digest[2..]] {
            assert!(!digests.verify(&secret, wrong), "{wrong}");
        }
    }
}
