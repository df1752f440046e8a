//! Secret values at rest, as ZenML keeps them in its own database.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};

use crate::env::random::Randomness;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Encrypts and decrypts values with the operator's key. Without a key they are kept in base64 alone, as in ZenML.
pub struct SecretCipher(Option<Aes256Gcm>);

impl std::fmt::Debug for SecretCipher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_some() {
            "SecretCipher(with a key)"
        } else {
            "SecretCipher(no key)"
        })
    }
}

impl SecretCipher {
    /// The AES key is the SHA-256 of the operator's text.
    pub fn new(key: Option<&SecretString>) -> Self {
        Self(key.map(|key| Aes256Gcm::new(&Sha256::digest(key.expose_secret().as_bytes()))))
    }

    /// Whether what is sealed is encrypted.
    pub fn has_key(&self) -> bool {
        self.0.is_some()
    }

    /// Base64 of nonce, tag and ciphertext.
    ///
    /// # Errors
    /// When there is more to encrypt than AES-GCM can: never with what a secret may hold.
    pub fn seal_bytes(&self, plain: &[u8], random: &dyn Randomness) -> Result<String, aes_gcm::Error> {
        let Some(cipher) = &self.0 else { return Ok(STANDARD.encode(plain)) };
        let nonce = random.bytes::<NONCE_BYTES>();
        let sealed = cipher.encrypt(&Nonce::from(nonce), plain)?;
        let (ciphertext, tag) = sealed.split_at(sealed.len().saturating_sub(TAG_BYTES));
        Ok(STANDARD.encode([&nonce, tag, ciphertext].concat()))
    }

    /// What [`SecretCipher::seal_bytes`] has sealed with the same key; None for anything else.
    pub fn open_bytes(&self, stored: &[u8]) -> Option<SecretSlice<u8>> {
        let stored = STANDARD.decode(stored).ok()?;
        let plain = match &self.0 {
            None => stored,
            Some(cipher) => {
                let (nonce, rest) = stored.split_first_chunk::<NONCE_BYTES>()?;
                let (tag, ciphertext) = rest.split_first_chunk::<TAG_BYTES>()?;
                let sealed = [ciphertext, tag].concat();
                cipher.decrypt(&Nonce::from(*nonce), sealed.as_slice()).ok()?
            }
        };
        Some(plain.into())
    }
}
