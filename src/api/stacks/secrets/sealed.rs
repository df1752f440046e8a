//! The values of a secret as they are kept.

use secrecy::{ExposeSecret, SecretString};

use super::values::SecretValues;
use crate::auth::cipher::SecretCipher;
use crate::env::random::Randomness;

impl SecretCipher {
    /// Base64 of nonce, tag and ciphertext.
    ///
    /// # Errors
    /// When there is more to encrypt than AES-GCM can: never with what a secret may hold.
    pub fn seal(&self, values: &SecretValues, random: &dyn Randomness) -> Result<String, aes_gcm::Error> {
        self.seal_bytes(values.to_json().expose_secret().as_bytes(), random)
    }

    /// What was sealed with the same key; None for anything else.
    pub fn open(&self, stored: &[u8]) -> Option<SecretValues> {
        let plain = self.open_bytes(stored)?;
        let text = String::from_utf8(plain.expose_secret().to_vec()).ok()?;
        SecretValues::of_json(&SecretString::from(text))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::env::random::SystemRandomness;

    fn values(json: &str) -> SecretValues {
        SecretValues::of_json(&json.to_owned().into()).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_alone() {
        let with = |key: &str| SecretCipher::new(Some(&key.to_owned().into()));
        let sealed = with("one").seal(&values(r#"{"a":"é"}"#), &SystemRandomness).unwrap();
        assert!(!String::from_utf8_lossy(&STANDARD.decode(&sealed).unwrap()).contains("\"a\""));
        let opened = |cipher: SecretCipher| {
            cipher.open(sealed.as_bytes()).map(|values| values.to_json().expose_secret().to_owned())
        };
        assert_eq!(opened(with("one")).as_deref(), Some(r#"{"a":"é"}"#));
        assert_eq!(opened(with("two")), None);
        assert_eq!(opened(SecretCipher::new(None)), None);
        let again = with("one").seal(&values(r#"{"a":"é"}"#), &SystemRandomness).unwrap();
        assert_ne!(sealed, again, "a nonce of its own each time");
    }

    #[test]
    fn what_zenml_has_sealed_is_opened() {
        // By sqlalchemy_utils' AesGcmEngine with the key `a key`.
        let sealed = "URKxOWAoNOSQuDdA/dcfJp2OXO15UkYXvSUZVFIUuKzDTamG2PVQchtLhE+OFw1HxqyLQA3VA52P3Q==";
        let cipher = SecretCipher::new(Some(&"a key".to_owned().into()));
        let opened = cipher.open(sealed.as_bytes()).unwrap();
        assert_eq!(opened.to_json().expose_secret(), r#"{"user":"zoë","n":"1"}"#);
        assert!(SecretCipher::new(None).open(STANDARD.encode(r#"{"a": "b"}"#).as_bytes()).is_some());
        for damaged in ["", "x", "AAAA", &sealed[4..]] {
            assert!(cipher.open(damaged.as_bytes()).is_none(), "{damaged}");
        }
    }
}
