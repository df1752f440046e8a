//! What an account was like when a token was made. The numbers grow with what ends all of an account's tokens, and with
//! nothing else, so that whether a token is from before such an end needs no clock: those of replicas differ, and jump.

use chrono::{DateTime, Utc};

use super::claims::Claims;
use crate::store::Timestamp;

/// An account as a token remembers it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The place of the last revocation of all of the account's tokens; 0 before the first one.
    pub generation: i64,
    /// When the password was set that the token goes back to, as the account's row had it.
    pub password_changed_at: Option<Timestamp>,
}

impl Standing {
    /// The moment as a claim: microseconds since 1970.
    pub fn password_at(&self) -> Option<i64> {
        self.password_changed_at.map(micros)
    }
}

fn micros(moment: Timestamp) -> i64 {
    moment.to_utc().timestamp_micros()
}

/// The last revocation of all of an account's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RevokedBefore {
    /// 0 where an older server wrote it.
    pub generation: i64,
    /// For tokens that remember no generation.
    pub moment: DateTime<Utc>,
}

impl RevokedBefore {
    /// Whether the token is from before it.
    pub(crate) fn ends(&self, claims: &Claims, proven_at: DateTime<Utc>) -> bool {
        match claims.generation {
            Some(generation) if self.generation > 0 => generation < self.generation,
            _ => proven_at <= self.moment,
        }
    }
}

/// Whether a token goes back to another password than the account has, which was set at this moment. Tokens of older
/// servers, and of ZenML's, say no more than when they were made, at `proven_at`.
pub(crate) fn is_of_another_password(
    claims: &Claims,
    proven_at: DateTime<Utc>,
    changed_at: Option<Timestamp>,
) -> bool {
    let Some(changed_at) = changed_at else { return false };
    match claims.generation {
        Some(_) => claims.password_at != Some(micros(changed_at)),
        None => Timestamp::new(proven_at) < changed_at,
    }
}

/// Whether a token goes back to a later password than the account has, as it was read a moment ago.
pub(crate) fn is_of_later_password(claims: &Claims, changed_at: Option<Timestamp>) -> bool {
    claims.password_at.is_some_and(|at| changed_at.is_none_or(|changed_at| at > micros(changed_at)))
}
