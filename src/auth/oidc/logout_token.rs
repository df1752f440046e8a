//! Logout tokens (OpenID Connect Back-Channel Logout 1.0): the provider says that somebody's session there is over.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::types::Metadata;
use super::{Oidc, OidcError};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const TYPE: &str = "logout+jwt";
/// Seconds by which clocks may differ.
const LEEWAY: i64 = 60;
/// Seconds after which one is too old, whatever end it says.
const OLDEST: i64 = 300;

/// Whose sign-ins are over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoggedOut {
    pub subject: Option<String>,
    /// The provider's own session.
    pub session: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LogoutClaims {
    iat: f64,
    exp: f64,
    jti: String,
    events: Map<String, Value>,
    sub: Option<String>,
    sid: Option<String>,
    nonce: Option<Value>,
}

impl Oidc {
    /// What a logout token says, once.
    ///
    /// # Errors
    /// When it isn't one of the provider's for this server, was used already, or the provider's keys can't be read.
    pub(crate) async fn read_logout_token(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<LoggedOut, OidcError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused("can't be read"))?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) {
            return Err(refused("has a signature of a kind that doesn't count"));
        }
        let is_of_type = |name: &String| {
            let name = name.to_ascii_lowercase();
            name == TYPE || name == "jwt" || name.strip_prefix("application/") == Some(TYPE)
        };
        if header.typ.as_ref().is_some_and(|name| !is_of_type(name)) || header.cty.is_some() {
            return Err(refused("is a token of another kind"));
        }
        let kid = header.kid.as_deref();
        let metadata = self.provider.metadata(now).await?;
        let key = match key_of(&metadata, kid, header.alg) {
            Some(key) => key,
            None => {
                let metadata: Arc<Metadata> = self.provider.look_again(now).await?;
                key_of(&metadata, kid, header.alg)
                    .ok_or_else(|| refused("is signed with no key of the provider's"))?
            }
        };
        let mut validation = Validation::new(header.alg);
        // Its times are compared with the clock that was passed in.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss", "aud"]);
        validation.set_issuer(&[self.provider.issuer()]);
        validation.set_audience(&[self.provider.client_id()]);
        let claims = jsonwebtoken::decode::<LogoutClaims>(token, &key, &validation)
            .map_err(|error| refused(&format!("is not good ({})", crate::auth::jwt::reason(&error))))?
            .claims;
        let logged_out = claims.check(now.timestamp())?;
        // Of two at once, one is first.
        let mut is_first = false;
        self.used_logout_tokens.get_with(claims.jti, || is_first = true);
        match is_first {
            true => Ok(logged_out),
            false => Err(refused("was used already")),
        }
    }
}

impl LogoutClaims {
    fn check(&self, now: i64) -> Result<LoggedOut, OidcError> {
        let (now, leeway) = (now as f64, LEEWAY as f64);
        let is_now = self.iat <= now + leeway && self.iat >= now - OLDEST as f64 && self.exp > now - leeway;
        let is_text =
            |text: &Option<String>| text.as_ref().is_none_or(|text| !text.is_empty() && text.len() <= 1024);
        if !is_now {
            return Err(refused("is too old, or of the future"));
        }
        if self.nonce.is_some() {
            return Err(refused("has a nonce, as ID tokens have"));
        }
        if !self.events.get(EVENT).is_some_and(Value::is_object) {
            return Err(refused("is of no logout"));
        }
        if self.jti.is_empty() || self.jti.len() > 1024 || !is_text(&self.sub) || !is_text(&self.sid) {
            return Err(refused("says what it can't"));
        }
        if self.sub.is_none() && self.sid.is_none() {
            return Err(refused("doesn't say whose it is"));
        }
        Ok(LoggedOut { subject: self.sub.clone(), session: self.sid.clone() })
    }
}

fn refused(what: &str) -> OidcError {
    OidcError::refused(format!("The logout token {what}."))
}

/// The provider's key for this signature, if it is just one.
fn key_of(metadata: &Metadata, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let keys = serde_json::to_value(metadata.jwks()).ok()?;
    let keys = keys.get("keys")?.as_array()?;
    let keys = keys.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok()).collect();
    let JwkSet { keys } = JwkSet { keys };
    let is_it = |key: &&Jwk| {
        let is_for_it =
            key.common.key_algorithm.is_none_or(|said| said.to_string() == format!("{algorithm:?}"));
        let is_named = kid.is_none() || key.common.key_id.as_deref() == kid;
        let is_for_signing = key
            .common
            .public_key_use
            .as_ref()
            .is_none_or(|said| *said == jsonwebtoken::jwk::PublicKeyUse::Signature);
        is_for_it && is_named && is_for_signing && has_family(key, algorithm)
    };
    let mut found = keys.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(key), None) => DecodingKey::from_jwk(key).ok(),
        _ => None,
    }
}

fn has_family(key: &Jwk, algorithm: Algorithm) -> bool {
    use jsonwebtoken::jwk::AlgorithmParameters::{EllipticCurve, OctetKeyPair, RSA};
    matches!(
        (&key.algorithm, algorithm),
        (RSA(_), Algorithm::RS256)
            | (EllipticCurve(_), Algorithm::ES256)
            | (OctetKeyPair(_), Algorithm::EdDSA)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(changes: Value) -> bool {
        let mut claims = json!({
            "iat": 1000, "exp": 1120, "jti": "a", "sub": "ada", "events": {EVENT: {}},
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value::<LogoutClaims>(claims).is_ok_and(|claims| claims.check(1001).is_ok())
    }

    #[test]
    fn a_logout_token_is_of_a_logout_just_now() {
        assert!(check(json!({})) && check(json!({"sub": null, "sid": "s"})));
        for changes in [
            json!({"sub": null}),
            json!({"sub": ""}),
            json!({"nonce": "n"}),
            json!({"events": {}}),
            json!({"events": {EVENT: true}}),
            json!({"jti": ""}),
            json!({"iat": 1100}),
            json!({"iat": 600}),
            json!({"exp": 900}),
        ] {
            assert!(!check(changes.clone()), "{changes}");
        }
    }
}
