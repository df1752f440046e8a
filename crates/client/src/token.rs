//! A token as it is remembered, and when it is over.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::claims::Unverified;

/// A bearer token and what is known about its end.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub secret: SecretString,
    /// The lifetime it was issued with, in seconds; `None` when it does not end or nothing is known.
    pub expires_in: Option<i64>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Seconds before its end from which on it is no longer used.
    pub leeway: Option<i64>,
}

impl Token {
    /// A token about whose end nothing is known.
    pub fn bare(secret: SecretString) -> Self {
        Self { secret, expires_in: None, expires_at: None, leeway: None }
    }

    /// A token just issued for `expires_in` seconds.
    ///
    /// The leeway is the official client's, as both read the same file: 30 seconds below an hour, a twentieth
    /// of the lifetime above.
    pub fn issued(secret: SecretString, expires_in: Option<i64>, now: DateTime<Utc>) -> Self {
        let expires_in = expires_in.filter(|seconds| *seconds > 0);
        let expires_at =
            expires_in.and_then(TimeDelta::try_seconds).and_then(|lifetime| now.checked_add_signed(lifetime));
        let leeway = expires_in.map(|seconds| if seconds < 3_600 { 30 } else { seconds / 20 });
        Self { secret, expires_in, expires_at, leeway }
    }

    /// Whether it should no longer be used at `now`.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.usable_until().is_some_and(|end| end < now)
    }

    fn usable_until(&self) -> Option<DateTime<Utc>> {
        let end = self.expires_at?;
        let leeway = TimeDelta::try_seconds(self.leeway.unwrap_or(0))?;
        end.checked_sub_signed(leeway)
    }

    /// When it ends, for display: as remembered, or else as the token says about itself.
    ///
    /// The token's own claim is read without checking its signature, which only the server can do; nothing
    /// may be decided by it.
    pub fn shown_end(&self) -> Option<DateTime<Utc>> {
        self.expires_at.or_else(|| Unverified::read(self.secret.expose_secret())?.moment("exp"))
    }
}

/// Reads a moment as the official client writes it: RFC 3339, or without an offset in UTC.
pub fn parse_moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.with_timezone(&Utc));
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|moment| moment.and_utc())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn issued(expires_in: Option<i64>) -> Token {
        Token::issued(SecretString::from("t"), expires_in, now())
    }

    #[test]
    fn a_token_is_over_once_its_leeway_begins() {
        let short = issued(Some(600));
        assert_eq!(short.leeway, Some(30));
        assert!(!short.is_expired(now() + TimeDelta::seconds(570)));
        assert!(short.is_expired(now() + TimeDelta::seconds(571)));
        assert_eq!(issued(Some(7_200)).leeway, Some(360));
    }

    #[test]
    fn a_token_without_an_end_never_expires_whatever_numbers_come_in() {
        for expires_in in [None, Some(0), Some(-1), Some(i64::MAX)] {
            assert!(!issued(expires_in).is_expired(now() + TimeDelta::days(100_000)), "{expires_in:?}");
        }
    }

    #[test]
    fn the_end_shown_falls_back_to_the_tokens_own_claim() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"exp":1800003600}"#);
        let token = Token::bare(SecretString::from(format!("e30.{payload}.s")));
        assert_eq!(token.shown_end(), Some(now() + TimeDelta::hours(1)));
        for opaque in ["", "a.b.c", "a.!!.c", "ZENKEY_x"] {
            assert_eq!(Token::bare(SecretString::from(opaque)).shown_end(), None);
        }
    }

    #[test]
    fn moments_are_read_with_and_without_an_offset() {
        let expected = DateTime::from_timestamp(1_795_553_843, 0).unwrap();
        for text in ["2026-11-24T20:57:23Z", "2026-11-24T21:57:23+01:00", "2026-11-24 20:57:23"] {
            assert_eq!(parse_moment(text), Some(expected), "{text}");
        }
        assert_eq!(parse_moment("soon"), None);
    }

    #[test]
    fn the_secret_is_not_in_the_debug_text() {
        assert!(!format!("{:?}", Token::bare(SecretString::from("hunter2"))).contains("hunter2"));
    }
}
