//! What a token says about itself.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The header and the claims of a JWT (RFC 7519), read without checking its signature: only the server can do that,
/// so nothing may be decided by what is in here but what to tell, and when to renew. The signature is not kept, so
/// this is no secret.
#[derive(Debug, Clone)]
pub struct Unverified {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

impl Unverified {
    /// `None` for what is no JWT.
    pub fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self { header: object(header)?, claims: object(claims)? })
    }

    /// A claim that is a time in seconds since 1970.
    pub fn moment(&self, claim: &str) -> Option<DateTime<Utc>> {
        // A cast from a float saturates.
        let micros = (self.claims.get(claim)?.as_f64()? * 1e6).round() as i64;
        DateTime::from_timestamp_micros(micros)
    }

    /// A claim that is text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}", claims in ".{0,40}") {
            let _ = Unverified::read(&text);
            let part = URL_SAFE_NO_PAD.encode(claims);
            let _ = Unverified::read(&format!("{part}.{part}.s"));
        }

        #[test]
        fn no_time_panics(seconds in proptest::num::f64::ANY) {
            let claims = serde_json::json!({"exp": seconds});
            let read = Unverified { header: Map::new(), claims: claims.as_object().unwrap().clone() };
            let _ = read.moment("exp");
        }
    }
}
