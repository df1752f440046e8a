//! Tokens for one download: in a link, which a browser follows without a header.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use jsonwebtoken::Validation;
use serde::{Deserialize, Serialize};

use super::AuthenticationError;
use super::jwt::{Tokens, reason};
use crate::store::Id;

/// Seconds that such a token lives.
const LIFE: i64 = 30;

/// What may be downloaded. Such a token has no issuer, audience or user, so that it is none for anything else.
#[derive(Debug, Serialize, Deserialize)]
struct Download {
    /// Seconds since 1970.
    exp: i64,
    download_type: String,
    resource_id: Id,
}

impl Tokens {
    /// A token to download what belongs to one thing.
    ///
    /// # Errors
    /// When the claims can't be written as JSON.
    pub fn for_download(
        &self,
        kind: &str,
        thing: Id,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let exp = now.timestamp() + LIFE;
        let claims = Download { exp, download_type: kind.to_owned(), resource_id: thing };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding_key)
    }

    /// Checks that the token is for this download.
    ///
    /// # Errors
    /// [`AuthenticationError::InvalidToken`] with the reason.
    pub fn check_download(
        &self,
        token: &str,
        kind: &str,
        thing: Id,
        now: DateTime<Utc>,
    ) -> Result<(), AuthenticationError> {
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
        Ok(())
    }
}
