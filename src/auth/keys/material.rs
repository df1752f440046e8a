//! What a key is made of: a private part that signs, and a public one that everybody may read.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use p256::SecretKey;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::rand_core::{CryptoRng, Error, RngCore};
use secrecy::{ExposeSecret, SecretSlice};

use super::KeyError;
use crate::config::SigningAlgorithm;
use crate::env::random::{Randomness, SharedRandomness};
use crate::store::Id;

/// Bits of an RSA key: the least that RFC 7518, section 3.3, allows, and what everyone else takes.
const RSA_BITS: usize = 2048;
/// Draws for a P-256 key; one in 2^32 is none.
const DRAWS: usize = 8;

impl SigningAlgorithm {
    pub(super) fn of_jwt(self) -> Algorithm {
        match self {
            Self::EdDSA => Algorithm::EdDSA,
            Self::ES256 => Algorithm::ES256,
            Self::RS256 => Algorithm::RS256,
        }
    }
}

/// The private part, as DER: PKCS#8 (RFC 5958), for RSA PKCS#1 (RFC 8017, appendix A.1.2).
pub(super) struct PrivateKey {
    algorithm: SigningAlgorithm,
    der: SecretSlice<u8>,
}

impl PrivateKey {
    /// A new one. An RSA key takes a good part of a second of a core, on a thread of its own.
    ///
    /// # Errors
    /// [`KeyError::Material`] when none could be made.
    pub(super) async fn generate(
        algorithm: SigningAlgorithm,
        random: SharedRandomness,
    ) -> Result<Self, KeyError> {
        let make = move || der(algorithm, &*random);
        let der = match algorithm {
            SigningAlgorithm::RS256 => tokio::task::spawn_blocking(make).await.unwrap_or(None),
            SigningAlgorithm::EdDSA | SigningAlgorithm::ES256 => make(),
        };
        Ok(Self { algorithm, der: der.ok_or(KeyError::Material)? })
    }

    pub(super) fn of_der(algorithm: SigningAlgorithm, der: SecretSlice<u8>) -> Self {
        Self { algorithm, der }
    }

    pub(super) fn der(&self) -> &[u8] {
        self.der.expose_secret()
    }

    pub(super) fn encoding_key(&self) -> EncodingKey {
        match self.algorithm {
            SigningAlgorithm::EdDSA => EncodingKey::from_ed_der(self.der()),
            SigningAlgorithm::ES256 => EncodingKey::from_ec_der(self.der()),
            SigningAlgorithm::RS256 => EncodingKey::from_rsa_der(self.der()),
        }
    }

    /// The public part (RFC 7517, section 4).
    ///
    /// # Errors
    /// [`KeyError::Material`] when this is no private key of its algorithm.
    pub(super) fn public(&self, kid: Id) -> Result<Jwk, KeyError> {
        let jwk = Jwk::from_encoding_key(&self.encoding_key(), self.algorithm.of_jwt());
        let mut jwk = jwk.map_err(|_| KeyError::Material)?;
        jwk.common.key_id = Some(kid.to_string());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(jwk)
    }
}

/// The key that a public part verifies with; None when it is not one of that algorithm.
pub(super) fn decoding_key(jwk: &Jwk, algorithm: SigningAlgorithm) -> Option<DecodingKey> {
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let has_length = match algorithm {
        // The point of RFC 8032, or one of SEC 1 with its coordinates in full.
        SigningAlgorithm::EdDSA => key.try_get_as_bytes().ok()?.len() == 32,
        SigningAlgorithm::ES256 => key.try_get_as_bytes().ok()?.len() == 65,
        SigningAlgorithm::RS256 => true,
    };
    (has_length && key.family() == algorithm.of_jwt().family()).then_some(key)
}

fn der(algorithm: SigningAlgorithm, random: &dyn Randomness) -> Option<SecretSlice<u8>> {
    let document = match algorithm {
        SigningAlgorithm::EdDSA => {
            let key = SigningKey::from_bytes(&random.bytes());
            KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_der().ok()?
        }
        SigningAlgorithm::ES256 => {
            let key = (0..DRAWS).find_map(|_| SecretKey::from_slice(&random.bytes::<32>()).ok())?;
            EncodePrivateKey::to_pkcs8_der(&key).ok()?
        }
        SigningAlgorithm::RS256 => {
            let key = RsaPrivateKey::new(&mut Draws(random), RSA_BITS).ok()?;
            key.to_pkcs1_der().ok()?
        }
    };
    Some(document.as_bytes().to_vec().into())
}

/// The randomness that was passed in, as the crate of RSA takes it.
struct Draws<'a>(&'a dyn Randomness);

impl RngCore for Draws<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.0.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.0.bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Draws<'_> {}
