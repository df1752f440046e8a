//! Logout tokens (OpenID Connect Back-Channel Logout 1.0): the provider says that somebody's session there is over.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Oidc, OidcError};
use crate::issuers::{Unverified, Verified};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const TYPES: &[&str] = &["logout+jwt", "application/logout+jwt", "jwt"];
/// After that one is too old, whatever end it says.
const OLDEST: TimeDelta = TimeDelta::minutes(5);

/// Whose sign-ins are over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoggedOut {
    /// The provider's.
    pub issuer: String,
    fingerprint: [u8; 32],
    pub subject: Option<String>,
    /// The provider's own session.
    pub session: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LogoutClaims {
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
    /// When it isn't one of a provider's for this server, was used already, or the provider's keys can't be read.
    pub(crate) async fn read_logout_token(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<LoggedOut, OidcError> {
        let says = Unverified::read(token).map_err(|error| refused(&format!("can't be read: {error}")))?;
        let provider = says.issuer().and_then(|issuer| self.of_issuer(issuer));
        let provider = provider.ok_or_else(|| refused("is of no provider of this server"))?;
        let expected = provider.expected(TYPES, OLDEST);
        let Verified { claims, fingerprint } =
            provider.verify("The logout token", &says, &expected, now).await?;
        let claims: LogoutClaims =
            serde_json::from_value(claims.into()).map_err(|_| refused("says what it can't"))?;
        claims.check()?;
        let LogoutClaims { sub: subject, sid: session, .. } = claims;
        let logged_out = LoggedOut { issuer: provider.issuer().to_owned(), fingerprint, subject, session };
        // Of two at once, one is first.
        match self.used_logout_tokens.insert(fingerprint, ()) {
            None => Ok(logged_out),
            Some(()) => Err(refused("was used already")),
        }
    }

    /// Lets the provider say it again, since nothing has ended.
    pub(crate) fn forget_logout(&self, logged_out: &LoggedOut) {
        self.used_logout_tokens.forget(&logged_out.fingerprint);
    }
}

impl LogoutClaims {
    fn check(&self) -> Result<(), OidcError> {
        let is_text =
            |text: &Option<String>| text.as_ref().is_none_or(|text| !text.is_empty() && text.len() <= 1024);
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
        Ok(())
    }
}

fn refused(what: &str) -> OidcError {
    OidcError::refused(format!("The logout token {what}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(changes: Value) -> bool {
        let mut claims = json!({
            "jti": "a", "sub": "ada", "events": {EVENT: {}},
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value::<LogoutClaims>(claims).is_ok_and(|claims| claims.check().is_ok())
    }

    #[test]
    fn a_logout_token_says_of_a_logout_whose_it_is() {
        assert!(check(json!({})) && check(json!({"sub": null, "sid": "s"})));
        for changes in [
            json!({"sub": null}),
            json!({"sub": ""}),
            json!({"nonce": "n"}),
            json!({"events": {}}),
            json!({"events": {EVENT: true}}),
            json!({"jti": ""}),
        ] {
            assert!(!check(changes.clone()), "{changes}");
        }
    }
}
