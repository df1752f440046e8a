//! A token of somebody else's: what it says, and whether that is so.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Refused;
use super::claims::Unambiguous;
use super::keys::{BY_PUBLIC_KEY, KeySet, algorithm};

/// Bytes of a token, at most.
const LONGEST: usize = 32 << 10;
/// Seconds by which the issuer's clock may differ from this one's.
const LEEWAY: i64 = 30;
/// What a token that is none of a special kind says it is (RFC 7519, section 5.1), or nothing.
pub(crate) const JWT: &[&str] = &["jwt", "at+jwt", "application/at+jwt"];
/// Letters of what a token says of itself that an error repeats.
const REPEATED: usize = 200;

/// What is asked of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'e> {
    pub issuer: &'e str,
    /// Who it has to be for, among others; none for a token whose audience somebody else looks at.
    pub audience: Option<&'e str>,
    /// What its header may say of its type, in small letters: nothing is as good.
    pub types: &'e [&'e str],
    /// How it may be signed, of [`BY_PUBLIC_KEY`].
    pub algorithms: &'e [Algorithm],
    /// How old it may be, by its `iat`, which it needs then.
    pub max_age: Option<TimeDelta>,
}

/// A token as it was read, and not yet checked.
#[derive(Debug)]
pub(crate) struct Unverified<'t> {
    /// What is signed.
    message: &'t str,
    signature: &'t str,
    header: Header,
    claims: Map<String, Value>,
}

/// What a token says, which is so.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub claims: Map<String, Value>,
    /// The same for each copy of the token, and for no other one of its issuer.
    pub fingerprint: [u8; 32],
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
    b64: Option<Value>,
}

impl<'t> Unverified<'t> {
    /// # Errors
    /// [`Refused::Unreadable`] for what is no JWT with a signature (RFC 7515, section 7.1).
    pub(crate) fn read(token: &'t str) -> Result<Self, Refused> {
        let unreadable = Refused::Unreadable;
        if token.len() > LONGEST {
            return Err(unreadable("it is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(unreadable("it has no signature"))?;
        let (header, claims) = message.split_once('.').ok_or(unreadable("it has no claims"))?;
        let part =
            |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable("it is not in base64url"));
        let header: Header =
            serde_json::from_slice(&part(header)?).map_err(|_| unreadable("its header is not one"))?;
        let Ok(Unambiguous(Value::Object(claims))) = serde_json::from_slice(&part(claims)?) else {
            return Err(unreadable("its claims are no JSON object, or have a name twice"));
        };
        Ok(Self { message, signature, header, claims })
    }

    /// Who it says has issued it.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// What it says, whether or not that is so.
    pub(crate) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub(super) fn check_claims(&self, expected: &Expected<'_>, now: DateTime<Utc>) -> Result<(), Refused> {
        self.check_header(expected)?;
        let issuer = self.issuer().ok_or(Refused::Missing("issuer (iss)"))?;
        if issuer != expected.issuer {
            return Err(Refused::Issuer(shown(issuer)));
        }
        self.check_times(expected.max_age, now.timestamp())?;
        match expected.audience {
            Some(audience) => check_audience(&self.claims, audience),
            None => Ok(()),
        }
    }

    fn check_header(&self, expected: &Expected<'_>) -> Result<(), Refused> {
        if self.header.crit.is_some() || self.header.b64.is_some() {
            return Err(Refused::Critical);
        }
        match &self.header.typ {
            Some(typ) if !expected.types.contains(&typ.to_ascii_lowercase().as_str()) => {
                Err(Refused::Type(shown(typ)))
            }
            _ => self.algorithm(expected.algorithms).map(drop),
        }
    }

    fn check_times(&self, max_age: Option<TimeDelta>, now: i64) -> Result<(), Refused> {
        let expires = self.moment("exp")?.ok_or(Refused::Missing("end (exp)"))?;
        if expires + LEEWAY <= now {
            return Err(Refused::Expired(now - expires));
        }
        if self.moment("nbf")?.is_some_and(|not_before| not_before > now + LEEWAY) {
            return Err(Refused::TooEarly("nbf"));
        }
        let issued = self.moment("iat")?;
        if issued.is_some_and(|issued| issued > now + LEEWAY) {
            return Err(Refused::TooEarly("iat"));
        }
        let Some(max_age) = max_age.map(|age| age.num_seconds()) else { return Ok(()) };
        match now - issued.ok_or(Refused::Missing("moment of issue (iat)"))? {
            age if age > max_age => Err(Refused::TooOld(age, max_age)),
            _ => Ok(()),
        }
    }

    /// Seconds since 1970 (RFC 7519, section 2): a fraction is cut off.
    fn moment(&self, name: &'static str) -> Result<Option<i64>, Refused> {
        /// Some hundred thousand years, so that sums stay sums.
        const BOUND: f64 = 1e13;
        let Some(value) = self.claims.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| seconds.abs() < BOUND);
        seconds.map(|seconds| Some(seconds.floor() as i64)).ok_or(Refused::NoTimestamp(name))
    }

    pub(super) fn check_signature(&self, keys: &KeySet) -> Result<(), Refused> {
        let algorithm = self.algorithm(BY_PUBLIC_KEY)?;
        let kid = self.header.kid.as_deref();
        let mut candidates = keys.candidates(kid, algorithm).peekable();
        if candidates.peek().is_none() {
            return Err(match kid {
                Some(kid) if !keys.has(kid) => Refused::UnknownKey(shown(kid)),
                _ => Refused::NoKey,
            });
        }
        let is_right = candidates.any(|key| {
            let message = self.message.as_bytes();
            crypto::verify(self.signature, message, &key.key, algorithm).unwrap_or(false)
        });
        if is_right { Ok(()) } else { Err(Refused::Signature) }
    }

    /// Whether a key that isn't there could have signed what was refused so: one that isn't named may be any.
    pub(super) fn is_of_unknown_key(&self, refused: &Refused) -> bool {
        match refused {
            Refused::UnknownKey(_) | Refused::NoKey => true,
            Refused::Signature => self.header.kid.is_none(),
            _ => false,
        }
    }

    fn algorithm(&self, among: &[Algorithm]) -> Result<Algorithm, Refused> {
        algorithm(&self.header.alg, among).ok_or_else(|| Refused::Algorithm(shown(&self.header.alg)))
    }

    pub(super) fn verified(&self) -> Verified {
        Verified { claims: self.claims.clone(), fingerprint: self.fingerprint() }
    }

    /// By its `jti`, else by what is signed: of some algorithms one signature can be written in two ways.
    fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        match self.claims.get("jti").and_then(Value::as_str).filter(|jti| !jti.is_empty()) {
            Some(jti) => {
                let issuer = self.issuer().unwrap_or_default();
                digest.update((issuer.len() as u64).to_be_bytes());
                digest.update(issuer);
                digest.update(jti);
            }
            None => digest.update(self.message),
        }
        digest.finalize().into()
    }
}

impl Verified {
    /// Whom the token is of, at its issuer.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.claims.get("sub")?.as_str()
    }

    /// Whether it is for that audience, among others.
    ///
    /// # Errors
    /// [`Refused`] when it isn't.
    pub(crate) fn check_audience(&self, audience: &str) -> Result<(), Refused> {
        check_audience(&self.claims, audience)
    }
}

fn check_audience(claims: &Map<String, Value>, audience: &str) -> Result<(), Refused> {
    let said = claims.get("aud").ok_or(Refused::Missing("audience (aud)"))?;
    let is_meant = match said {
        Value::String(one) => one == audience,
        Value::Array(all) => all.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    };
    match is_meant {
        true => Ok(()),
        false => Err(Refused::Audience(shown(&said.to_string()))),
    }
}

/// What a token says of itself, short.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(REPEATED).collect()
}
