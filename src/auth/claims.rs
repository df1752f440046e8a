//! What a token says, and what follows from that: what it was made from, what takes it back, whose proof it goes back to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use strum::{EnumString, IntoStaticStr, VariantNames};
use uuid::Uuid;

use super::revocation::{FoundGood, Revocation};
use super::scope::Scope;
use crate::audit::Claim;
use crate::store::Id;

/// Ancestors that a token names at most, so that its size and its check have a bound.
pub(crate) const MAX_PARENTS: usize = 8;

/// What kind of token this is: a session's, one for scripts, or one that is bound to a piece of work.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum TokenKind {
    Login,
    Generic,
    Workload,
}

/// Seconds since 1970 as a claim has them (RFC 7519, section 2). Those of new tokens are whole, since verifiers that count
/// whole seconds take a fraction for the future. Tokens of ZenML's server and of older releases have one.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
pub struct NumericDate(f64);

impl NumericDate {
    /// The whole second in which the moment lies.
    pub fn of(moment: DateTime<Utc>) -> Self {
        Self(moment.timestamp() as f64)
    }

    pub fn seconds(self) -> f64 {
        self.0
    }

    /// The moment, to the microsecond.
    pub fn moment(self) -> DateTime<Utc> {
        moment_of_micros((self.0 * 1e6).round() as i64)
    }
}

impl Serialize for NumericDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.0 as i64;
        match whole as f64 == self.0 {
            true => serializer.serialize_i64(whole),
            false => serializer.serialize_f64(self.0),
        }
    }
}

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: Uuid,
    pub iss: String,
    pub aud: String,
    pub iat: NumericDate,
    /// When the proof was given that this token goes back to (OpenID Connect Core, section 2): the sign-in, however
    /// many tokens were made with tokens since. Absent in tokens that ZenML made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<NumericDate>,
    /// The moment of `auth_time` in microseconds since 1970, which says what came first within a second. Absent in tokens
    /// that ZenML or an older server made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Absent in tokens that ZenML made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<Uuid>,
    /// The credentials it was made from, the nearest first: ids of tokens, at most [`MAX_PARENTS`]. It ends with each of
    /// them. Empty for a sign-in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<TokenKind>,
    /// The browser session of a cross-site sign-in, to which a CSRF token belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    /// What the account was like ([`super::Standing`]). Absent in tokens that ZenML or an older server made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_at: Option<i64>,
    #[serde(flatten)]
    pub scope: Scope,
}

/// A token whose signature, issuer and audience are good. Whether it still lives is asked each time.
#[derive(Debug)]
pub struct VerifiedToken {
    /// Its `jti`; of a token without one, which ZenML made, an id made from its text.
    pub id: Uuid,
    pub claims: Claims,
    /// The key of the store that it was signed with; none for HMAC.
    pub(super) kid: Option<Id>,
    pub(super) found_good: FoundGood,
}

impl VerifiedToken {
    /// Whoever holds it, for the audit.
    pub fn claim(&self, account: (Id, String)) -> Claim {
        let claims = &self.claims;
        Claim {
            account: Some(account),
            credential: "token",
            token_id: claims.jti.map(Id),
            api_key_id: claims.scope.api_key_id.map(Id),
            device_id: claims.scope.device_id.map(Id),
        }
    }

    pub(super) fn new(token: &str, claims: Claims, kid: Option<Id>) -> Self {
        let id = claims.jti.unwrap_or_else(|| id_of_text(token));
        Self { id, claims, kid, found_good: FoundGood::default() }
    }

    /// A token that a claim of another one stands for, such as a download's.
    pub(super) fn of_claims(claims: Claims) -> Self {
        let id = claims.jti.unwrap_or_default();
        Self { id, claims, kid: None, found_good: FoundGood::default() }
    }

    /// What it says, to be kept with a credential that is made with it and ends with it.
    ///
    /// # Errors
    /// When that can't be written as JSON.
    pub fn to_note(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Claims { jti: Some(self.id), ..self.claims.clone() })
    }

    /// The token that such a note is of.
    ///
    /// # Errors
    /// When the text isn't one.
    pub fn of_note(note: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(note).map(Self::of_claims)
    }

    /// What takes it back, with all that was made from it. What was made in a session may outlive it, so that its
    /// revocation has no end.
    pub fn revocation(&self) -> Revocation {
        Revocation::Token { id: self.id, expires: self.generic_end(), user_id: self.claims.sub }
    }

    /// What ends a session alone.
    pub fn sign_out(&self) -> Revocation {
        Revocation::SignOut { id: self.id, expires: self.claims.exp, user_id: self.claims.sub }
    }

    /// The credentials that a token made from this one is made from.
    ///
    /// # Errors
    /// [`TooManyParents`] for the last one that a chain may have.
    pub fn parents_of_child(&self) -> Result<Vec<Uuid>, TooManyParents> {
        if self.claims.parents.len() >= MAX_PARENTS {
            return Err(TooManyParents);
        }
        let mut parents = Vec::with_capacity(self.claims.parents.len() + 1);
        parents.push(self.id);
        parents.extend(&self.claims.parents);
        Ok(parents)
    }

    /// Whether it is a session: of a person, of a device that they approved, or of an API key.
    fn is_session(&self) -> bool {
        let is_login = match self.claims.token_type {
            Some(kind) => kind == TokenKind::Login,
            // ZenML's, which doesn't say: its tokens for scripts have an end.
            None => self.claims.exp.is_none(),
        };
        is_login && self.claims.parents.is_empty()
    }

    /// Whether a person gave the proof that it is: their own sign-in, made from nothing that has an end of its own.
    pub fn is_own_sign_in(&self) -> bool {
        self.is_session() && !self.claims.scope.is_bound()
    }

    /// Whether somebody is signed in with it, by their own sign-in or on a device that they have approved.
    pub fn is_persons_session(&self) -> bool {
        let scope = &self.claims.scope;
        self.is_session() && scope.api_key_id.is_none() && !scope.is_workload()
    }

    /// When the proof was given that this token goes back to: a change of the password ends all that was made from a proof
    /// before it, whenever it was made.
    pub fn proven_at(&self) -> DateTime<Utc> {
        let claims = &self.claims;
        let seconds = || claims.auth_time.unwrap_or(claims.iat).moment();
        claims.proven_at.map_or_else(seconds, moment_of_micros)
    }

    /// The token that the register knows as what a child is made from: a session isn't there, but what its API key was made
    /// with is.
    pub fn parent_in_register(&self) -> Id {
        let of_session =
            self.claims.parents.first().filter(|_| self.claims.token_type == Some(TokenKind::Login));
        Id(of_session.copied().unwrap_or(self.id))
    }

    /// The moment no child of this token may outlive: its own end as a token for scripts, or that of a session's API key.
    pub fn childrens_end(&self) -> Option<i64> {
        match self.claims.token_type {
            Some(TokenKind::Login) if !self.claims.parents.is_empty() => self.claims.exp,
            _ => self.generic_end(),
        }
    }

    /// Its end, when it is a token for scripts.
    ///
    /// A token without `jti` and kind is ZenML's: with an `exp` it may be a generic one, so it is taken as one.
    pub fn generic_end(&self) -> Option<i64> {
        match self.claims.token_type {
            Some(TokenKind::Login) => None,
            Some(TokenKind::Generic | TokenKind::Workload) | None => self.claims.exp,
        }
    }
}

fn moment_of_micros(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
}

fn id_of_text(token: &str) -> Uuid {
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(token)[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

/// A token was asked for with one that has as many ancestors as a token may have.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("This token was made from {MAX_PARENTS} others, one after the other, and none is made from it.")]
pub struct TooManyParents;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_whole_and_read_as_it_is() {
        let written = |text: &str| {
            let read: NumericDate = serde_json::from_str(text).unwrap();
            serde_json::to_string(&read).unwrap()
        };
        for (read, expected) in [
            ("1800000000", "1800000000"),
            ("1800000000.0", "1800000000"),
            ("1800000000.25", "1800000000.25"),
            ("-1", "-1"),
            ("1e300", "1e+300"),
        ] {
            assert_eq!(written(read), expected);
        }
        let moment = DateTime::from_timestamp_micros(1_800_000_000_999_999).unwrap();
        assert_eq!(NumericDate::of(moment), NumericDate(1_800_000_000.0));
        assert_eq!(NumericDate(1_800_000_000.999_999).moment(), moment);
    }
}
