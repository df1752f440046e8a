//! The public keys of an issuer (RFC 7517), each with the algorithms that it is for: the key says which, and a token
//! never does. A key that is none of these is left out, as the RFC has it.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Keys of a set that are read.
const MOST_KEYS: usize = 100;
/// Bits of the modulus of an RSA key: fewer can be broken, and more cost whoever checks a signature.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Bits of an RSA key's exponent.
const MOST_EXPONENT_BITS: usize = 33;

/// Keys that signatures are checked with.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// Why a text has no usable keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoKeySet {
    #[error("they are no JWK Set")]
    Unreadable,
    #[error("there are more than {MOST_KEYS} of them")]
    TooMany,
    #[error("there is no public RSA, P-256, P-384 or Ed25519 key for signatures among them")]
    NoneUsable,
    #[error("a private or secret key is among them")]
    Private,
}

pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithms: &'static [Algorithm],
    pub(super) key: DecodingKey,
    /// As the issuer has written it.
    jwk: Value,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Key({:?})", self.kid)
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

/// What of a key matters (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl KeySet {
    /// # Errors
    /// [`NoKeySet`] when there is none that could be used.
    pub(crate) fn read(json: &[u8]) -> Result<Self, NoKeySet> {
        let JwkSet { keys } = serde_json::from_slice(json).map_err(|_| NoKeySet::Unreadable)?;
        if keys.len() > MOST_KEYS {
            return Err(NoKeySet::TooMany);
        }
        let is_private = |key: &Value| ["d", "k"].iter().any(|name| key.get(name).is_some());
        if keys.iter().any(is_private) {
            return Err(NoKeySet::Private);
        }
        let keys: Vec<Key> = keys.into_iter().filter_map(Key::read).collect();
        match keys.is_empty() {
            true => Err(NoKeySet::NoneUsable),
            false => Ok(Self { keys }),
        }
    }

    /// The usable ones as a JWK Set, for whoever checks signatures with other means.
    pub(crate) fn as_json(&self) -> Value {
        let keys: Vec<&Value> = self.keys.iter().map(|key| &key.jwk).collect();
        serde_json::json!({"keys": keys})
    }

    /// Those that a token of this key id and algorithm may be signed with: without an id, all of the algorithm.
    pub(super) fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        let is_meant = move |key: &&Key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        self.keys.iter().filter(is_meant).filter(move |key| key.algorithms.contains(&algorithm))
    }

    pub(super) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk = Jwk::deserialize(&value).ok()?;
        let is_to_verify = jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if jwk.r#use.as_deref().is_some_and(|r#use| r#use != "sig") || !is_to_verify {
            return None;
        }
        let (all, key) = jwk.decoding_key()?;
        let algorithms = match &jwk.alg {
            None => all,
            Some(name) => {
                let place = all.iter().position(|one| is_named(*one, name))?;
                &all[place..=place]
            }
        };
        Some(Self { kid: jwk.kid, algorithms, key, jwk: value })
    }
}

impl Jwk {
    fn decoding_key(&self) -> Option<(&'static [Algorithm], DecodingKey)> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (modulus, exponent) = (number(self.n.as_deref()?)?, number(self.e.as_deref()?)?);
                let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
                let is_good = RSA_BITS.contains(&bits(&modulus))
                    && (2..=MOST_EXPONENT_BITS).contains(&bits(&exponent))
                    && is_odd;
                is_good.then(|| (RSA, DecodingKey::from_rsa_raw_components(&modulus, &exponent)))
            }
            ("EC", Some(curve)) => {
                let (algorithms, bytes) = match curve {
                    "P-256" => (P256, 32),
                    "P-384" => (P384, 48),
                    _ => return None,
                };
                let coordinate = |text: &Option<String>| {
                    let bytes_of = octets(text.as_deref()?)?;
                    (bytes_of.len() == bytes).then(|| URL_SAFE_NO_PAD.encode(bytes_of))
                };
                let key = DecodingKey::from_ec_components(&coordinate(&self.x)?, &coordinate(&self.y)?);
                Some((algorithms, key.ok()?))
            }
            ("OKP", Some("Ed25519")) => {
                let point = octets(self.x.as_deref()?).filter(|point| point.len() == 32)?;
                Some((ED25519, DecodingKey::from_ed_components(&URL_SAFE_NO_PAD.encode(point)).ok()?))
            }
            _ => None,
        }
    }
}

const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
const P256: &[Algorithm] = &[Algorithm::ES256];
const P384: &[Algorithm] = &[Algorithm::ES384];
const ED25519: &[Algorithm] = &[Algorithm::EdDSA];
/// The algorithms of signatures by a public key.
pub(crate) const BY_PUBLIC_KEY: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The algorithm of that name, if it is one of these.
pub(super) fn algorithm(name: &str, among: &[Algorithm]) -> Option<Algorithm> {
    among.iter().copied().find(|algorithm| is_named(*algorithm, name))
}

/// Whether a header calls it so (RFC 7518, section 3.1; RFC 9864, section 2.2).
fn is_named(algorithm: Algorithm, name: &str) -> bool {
    name.parse() == Ok(algorithm) || (algorithm == Algorithm::EdDSA && name == "Ed25519")
}

/// Some write the padding that base64url has not here.
fn octets(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// A number without the zeros before it.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = octets(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Some(bytes[zeros..].to_vec())
}

fn bits(number: &[u8]) -> usize {
    let first = number.first().map_or(0, |first| 8 - first.leading_zeros() as usize);
    number.len().saturating_sub(1) * 8 + first
}
