//! Tokens for one download: in a link, which a browser follows without a header.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use jsonwebtoken::Validation;
use serde::{Deserialize, Serialize};

use super::claims::{Claims, VerifiedToken};
use super::jwt::{Tokens, reason};
use super::{AuthenticationError, Principal, Standing};
use crate::store::Id;

/// Seconds that such a token lives.
const LIFE: i64 = 30;

/// What may be downloaded. Such a token has no issuer, audience or user of its own, so that it is none for anything else.
#[derive(Debug, Serialize, Deserialize)]
struct Download {
    /// Seconds since 1970.
    exp: i64,
    download_type: String,
    resource_id: Id,
    /// What the credential says that it was made from: it ends with that one.
    made_from: Claims,
}

impl Tokens {
    /// A token for the principal to download what belongs to one thing.
    ///
    /// # Errors
    /// When the claims can't be written as JSON.
    pub fn for_download(
        &self,
        principal: &Principal,
        kind: &str,
        thing: Id,
        standing: Standing,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let made_from = self.claims_of(principal, standing, now);
        let own_end = now.timestamp() + LIFE;
        let exp = made_from.exp.map_or(own_end, |end| end.min(own_end));
        let claims = Download { exp, download_type: kind.to_owned(), resource_id: thing, made_from };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding_key)
    }

    /// Checks that the token is for this download, and tells what it was made from, which has to be good still.
    ///
    /// # Errors
    /// [`AuthenticationError::InvalidToken`] with the reason.
    pub fn check_download(
        &self,
        token: &str,
        kind: &str,
        thing: Id,
        now: DateTime<Utc>,
    ) -> Result<VerifiedToken, AuthenticationError> {
        let refuse = |reason: String| Err(AuthenticationError::InvalidToken(reason));
        let mut validation = Validation::new(self.header.alg);
        // The end is compared with the clock that was passed in, not with the machine's.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims = HashSet::from(["exp".to_owned()]);
        let claims = match jsonwebtoken::decode::<Download>(token, &self.decoding_key, &validation) {
            Ok(data) => data.claims,
            Err(error) => return refuse(reason(&error)),
        };
        if claims.exp <= now.timestamp() {
            return refuse("Signature has expired".to_owned());
        }
        if claims.download_type != kind || claims.resource_id != thing {
            return refuse("The token is for another download".to_owned());
        }
        Ok(VerifiedToken::of_claims(claims.made_from))
    }
}
