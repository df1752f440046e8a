//! Access tokens: JWTs (RFC 7519) with ZenML's claims. They are signed with HMAC (RFC 7518, section 3.2), or with a
//! key of the store, which the header's `kid` names: what a token without `kid` says is checked with HMAC alone.

use std::collections::HashSet;
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::claims::{Claims, NumericDate, TokenKind, VerifiedToken};
use super::keys::{KeyRing, SigningKey};
use super::scope::Scope;
use super::standing::Standing;
use super::{AuthenticationError, Credential, Principal};
use crate::config::{JwtAlgorithm, SigningAlgorithm};
use crate::env::random::SharedRandomness;
use crate::store::Id;

/// Verified tokens that are remembered, so that a token in steady use is not verified again each time.
const REMEMBERED_TOKENS: u64 = 4096;
/// Bytes of a token's end that tell it from others: most of a signature of HMAC with SHA-256, in base64.
const HASHED: usize = 32;
/// Bytes of the longest signature by HMAC, in base64, with what stands between the parts.
const LONGEST_MAC: usize = 90;

/// A token that was just made.
pub struct IssuedToken {
    /// Its `jti`.
    pub id: Id,
    pub token: String,
    pub issued_at: DateTime<Utc>,
}

/// What a new token says, besides what every token of this server says.
#[derive(Debug)]
pub struct NewToken {
    pub user_id: Uuid,
    pub kind: TokenKind,
    pub issued_at: DateTime<Utc>,
    /// When the proof was given; none for a proof that is given just now.
    pub proven_at: Option<DateTime<Utc>>,
    /// Seconds since 1970.
    pub expires_at: Option<i64>,
    /// What it is made from ([`Claims::parents`]).
    pub parents: Vec<Uuid>,
    pub session_id: Option<Uuid>,
    pub standing: Standing,
    pub scope: Scope,
}

/// Why a token could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("there is no signing key of the configured algorithm")]
    NoKey,
    #[error(transparent)]
    Jwt(#[from] jsonwebtoken::errors::Error),
}

/// Makes and verifies this server's tokens.
pub struct Tokens {
    issuer: String,
    audience: String,
    /// Seconds by which clocks may differ.
    leeway: i64,
    pub(super) header: Header,
    /// The header as tokens have it.
    encoded_header: String,
    validation: Validation,
    pub(super) encoding_key: EncodingKey,
    pub(super) decoding_key: DecodingKey,
    /// What new tokens are signed with instead of HMAC.
    signing_algorithm: Option<SigningAlgorithm>,
    keys: Arc<KeyRing>,
    random: SharedRandomness,
    verified: moka::sync::Cache<Box<str>, Arc<VerifiedToken>, OfTheEnd>,
}

/// Hashes a token by its end alone, which is of its signature: in a table that has tokens of good signatures only, no two
/// of them meet more often than by chance.
#[derive(Clone, Default)]
struct OfTheEnd(RandomState);

struct EndHasher(DefaultHasher);

impl BuildHasher for OfTheEnd {
    type Hasher = EndHasher;

    fn build_hasher(&self) -> EndHasher {
        EndHasher(self.0.build_hasher())
    }
}

impl Hasher for EndHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes.last_chunk::<HASHED>().map_or(bytes, |end| end));
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

/// What [`Tokens`] is made from.
#[derive(Debug)]
pub struct TokenSettings {
    pub issuer: String,
    pub audience: String,
    pub leeway_seconds: u32,
    pub algorithm: JwtAlgorithm,
    pub secret: SecretString,
    pub signing_algorithm: Option<SigningAlgorithm>,
    pub keys: Arc<KeyRing>,
}

impl Tokens {
    pub fn new(settings: TokenSettings, random: SharedRandomness) -> Self {
        let algorithm = match settings.algorithm {
            JwtAlgorithm::HS256 => Algorithm::HS256,
            JwtAlgorithm::HS384 => Algorithm::HS384,
            JwtAlgorithm::HS512 => Algorithm::HS512,
        };
        let mut validation = Validation::new(algorithm);
        // The end of a token is compared with the clock that was passed in, not with the machine's.
        validation.validate_exp = false;
        validation.required_spec_claims = HashSet::from(["sub", "iss", "aud"].map(str::to_owned));
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        let secret = settings.secret.expose_secret().as_bytes();
        Self {
            issuer: settings.issuer,
            audience: settings.audience,
            leeway: settings.leeway_seconds.into(),
            encoded_header: URL_SAFE_NO_PAD.encode(format!("{{\"typ\":\"JWT\",\"alg\":\"{algorithm:?}\"}}")),
            header: Header::new(algorithm),
            validation,
            encoding_key: EncodingKey::from_secret(secret),
            decoding_key: DecodingKey::from_secret(secret),
            signing_algorithm: settings.signing_algorithm,
            keys: settings.keys,
            random,
            verified: moka::sync::Cache::builder()
                .max_capacity(REMEMBERED_TOKENS)
                .build_with_hasher(OfTheEnd::default()),
        }
    }

    /// Who the tokens say has made them, and whom they are for.
    pub fn parties(&self) -> (&str, &str) {
        (&self.issuer, &self.audience)
    }

    /// The registered name of what new tokens are signed with (RFC 7518, section 3.1).
    pub fn algorithm(&self) -> String {
        self.signing_algorithm.map_or_else(|| format!("{:?}", self.header.alg), |one| one.name().to_owned())
    }

    /// Signs a new token.
    ///
    /// # Errors
    /// When the claims can't be written as JSON, or there is no key to sign with.
    pub fn issue(&self, new: NewToken) -> Result<IssuedToken, SigningError> {
        let id = self.random.id_in_time(new.issued_at);
        let proven_at = new.proven_at.unwrap_or(new.issued_at);
        let claims = Claims {
            sub: new.user_id,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            iat: NumericDate::of(new.issued_at),
            // A replica whose clock is ahead may have taken the proof.
            auth_time: Some(NumericDate::of(proven_at.min(new.issued_at))),
            proven_at: Some(proven_at.timestamp_micros()),
            exp: new.expires_at,
            jti: Some(id.0),
            parents: new.parents,
            token_type: Some(new.kind),
            session_id: new.session_id,
            generation: Some(new.standing.generation),
            password_at: new.standing.password_at(),
            scope: new.scope,
        };
        let token = self.sign(&claims, new.issued_at)?;
        Ok(IssuedToken { id, token, issued_at: new.issued_at })
    }

    fn sign(&self, claims: &Claims, moment: DateTime<Utc>) -> Result<String, SigningError> {
        let Some(algorithm) = self.signing_algorithm else {
            return self.sign_with_secret(claims);
        };
        let key = self.keys.signer(algorithm, moment).ok_or(SigningError::NoKey)?;
        let encoding_key = key.encoding_key.as_ref().ok_or(SigningError::NoKey)?;
        Ok(jsonwebtoken::encode(&key.header, claims, encoding_key)?)
    }

    /// As [`jsonwebtoken::encode`], for which the header is the same each time.
    fn sign_with_secret(&self, claims: &Claims) -> Result<String, SigningError> {
        let claims = serde_json::to_vec(claims).map_err(jsonwebtoken::errors::Error::from)?;
        let mut token = String::with_capacity(self.encoded_header.len() + claims.len() * 4 / 3 + LONGEST_MAC);
        token.push_str(&self.encoded_header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = jsonwebtoken::crypto::sign(token.as_bytes(), &self.encoding_key, self.header.alg)?;
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }

    /// What a token of the principal's says, or would say: what its credential was made from and is bound to.
    /// `standing` is the account's now.
    pub(super) fn claims_of(&self, principal: &Principal, standing: Standing, now: DateTime<Utc>) -> Claims {
        if let Credential::Token(token) = &principal.credential {
            return Claims { jti: Some(token.id), ..token.claims.clone() };
        }
        Claims {
            sub: principal.user.id.0,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            iat: NumericDate::of(now),
            auth_time: None,
            proven_at: Some(now.timestamp_micros()),
            exp: None,
            jti: None,
            parents: Vec::new(),
            token_type: Some(TokenKind::Login),
            session_id: None,
            generation: Some(standing.generation),
            password_at: standing.password_at(),
            scope: principal.scope().cloned().unwrap_or_default(),
        }
    }

    /// Verifies a token's signature, issuer, audience and times.
    ///
    /// # Errors
    /// [`AuthenticationError::InvalidToken`] with the reason, or [`AuthenticationError::UnknownKey`]: then the store
    /// may know the key.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<VerifiedToken>, AuthenticationError> {
        let verified = match self.verified.get(token) {
            Some(verified) => {
                // The key may have been retired since the token was verified with it.
                verified.kid.map(|kid| self.key(kid)).transpose()?;
                verified
            }
            None => {
                let verified = Arc::new(self.decode(token)?);
                self.verified.insert(token.into(), Arc::clone(&verified));
                verified
            }
        };
        self.check_times(&verified.claims, now)?;
        Ok(verified)
    }

    /// What a token of this server says, whether or not it could be used now: its time may be over or to come, and its key
    /// retired.
    ///
    /// # Errors
    /// As [`Tokens::verify`].
    pub fn recognise(&self, token: &str) -> Result<VerifiedToken, AuthenticationError> {
        self.decode_with(token, |kid| self.keys.find(kid).ok_or(AuthenticationError::UnknownKey))
    }

    fn decode(&self, token: &str) -> Result<VerifiedToken, AuthenticationError> {
        self.decode_with(token, |kid| self.key(kid))
    }

    fn decode_with(
        &self,
        token: &str,
        key_of: impl Fn(Id) -> Result<Arc<SigningKey>, AuthenticationError>,
    ) -> Result<VerifiedToken, AuthenticationError> {
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        let Some(kid) = header.kid else {
            let data = jsonwebtoken::decode(token, &self.decoding_key, &self.validation);
            return data.map(|data| VerifiedToken::new(token, data.claims, None)).map_err(invalid);
        };
        // No store is asked for what it can't have.
        let is_of_store = matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256);
        let kid = Uuid::try_parse(&kid).ok().filter(|_| is_of_store).map(Id);
        let kid = kid.ok_or_else(|| invalid(ErrorKind::InvalidAlgorithm.into()))?;
        let key = key_of(kid)?;
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.header.alg];
        let data = jsonwebtoken::decode(token, &key.decoding_key, &validation);
        data.map(|data| VerifiedToken::new(token, data.claims, Some(kid))).map_err(invalid)
    }

    /// The key with that id, if tokens that it has signed are good.
    fn key(&self, kid: Id) -> Result<Arc<SigningKey>, AuthenticationError> {
        let key = self.keys.find(kid).ok_or(AuthenticationError::UnknownKey)?;
        if key.is_retired {
            return Err(AuthenticationError::InvalidToken(
                "The key it was signed with is retired".to_owned(),
            ));
        }
        Ok(key)
    }

    fn check_times(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), AuthenticationError> {
        let now = now.timestamp();
        let refuse = |reason: &str| Err(AuthenticationError::InvalidToken(reason.to_owned()));
        if claims.exp.is_some_and(|exp| exp <= now.saturating_sub(self.leeway)) {
            return refuse("Signature has expired");
        }
        let issued_at = claims.iat.seconds();
        if !issued_at.is_finite() || issued_at > now.saturating_add(self.leeway).saturating_add(1) as f64 {
            return refuse("The token is not yet valid (iat)");
        }
        Ok(())
    }
}

fn invalid(error: jsonwebtoken::errors::Error) -> AuthenticationError {
    AuthenticationError::InvalidToken(reason(&error))
}

pub(crate) fn reason(error: &jsonwebtoken::errors::Error) -> String {
    match error.kind() {
        ErrorKind::InvalidToken => "Not enough segments".to_owned(),
        ErrorKind::InvalidSignature => "Signature verification failed".to_owned(),
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            "The specified alg value is not allowed".to_owned()
        }
        ErrorKind::InvalidIssuer => "Invalid issuer".to_owned(),
        ErrorKind::InvalidAudience => "Audience doesn't match".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) => format!("Token is missing the {claim:?} claim"),
        ErrorKind::Base64(_) => "Invalid padding or characters".to_owned(),
        ErrorKind::Json(error) => format!("Invalid payload: {error}"),
        _ => "Invalid header or payload".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::revocation::FoundGood;
    use crate::env::random::SystemRandomness;

    fn tokens(algorithm: JwtAlgorithm) -> Tokens {
        let settings = TokenSettings {
            issuer: "here".into(),
            audience: "here".into(),
            leeway_seconds: 10,
            algorithm,
            secret: "sesame".to_owned().into(),
            signing_algorithm: None,
            keys: Arc::default(),
        };
        Tokens::new(settings, Arc::new(SystemRandomness))
    }

    fn new_token(expires_at: Option<i64>) -> NewToken {
        NewToken {
            user_id: Uuid::from_u128(7),
            kind: TokenKind::Generic,
            issued_at: at(1_000_000),
            proven_at: None,
            expires_at,
            parents: Vec::new(),
            session_id: None,
            standing: Standing::default(),
            scope: Scope { device_id: Some(Uuid::from_u128(9)), ..Scope::default() },
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_token_lives_to_its_end_and_the_leeway_and_no_longer() {
        for algorithm in [JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512] {
            let tokens = tokens(algorithm);
            let token = tokens.issue(new_token(Some(1_000_060))).unwrap().token;
            let verified = tokens.verify(&token, at(1_000_069)).unwrap();
            assert_eq!(verified.claims.scope.device_id, Some(Uuid::from_u128(9)));
            assert!(verified.claims.jti.is_some());
            let error = tokens.verify(&token, at(1_000_070)).unwrap_err();
            assert!(error.to_string().contains("Signature has expired"), "{error}");
        }
    }

    #[test]
    fn a_token_is_what_the_library_makes_of_its_claims() {
        for algorithm in [JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512] {
            let tokens = tokens(algorithm);
            let token = tokens.issue(new_token(Some(1_000_060))).unwrap().token;
            let claims = &tokens.verify(&token, at(1_000_000)).unwrap().claims;
            assert_eq!(jsonwebtoken::encode(&tokens.header, claims, &tokens.encoding_key).unwrap(), token);
        }
    }

    #[test]
    fn tokens_that_end_alike_are_told_apart() {
        let tokens = tokens(JwtAlgorithm::HS256);
        let token = tokens.issue(new_token(None)).unwrap().token;
        let other = format!("{}{}", &token[..4], &token[4..].replacen('.', "x.", 1));
        assert!(tokens.verify(&token, at(1_000_000)).is_ok());
        assert!(tokens.verify(&other, at(1_000_000)).is_err());
    }

    #[test]
    fn a_token_from_the_future_is_refused() {
        let tokens = tokens(JwtAlgorithm::HS256);
        let token = tokens.issue(new_token(None)).unwrap().token;
        assert!(tokens.verify(&token, at(999_990)).is_ok());
        assert!(tokens.verify(&token, at(999_900)).is_err());
        // It is this server's all the same, and can be taken back.
        assert!(tokens.recognise(&token).is_ok());
        assert!(tokens.recognise(&format!("{token}x")).is_err());
    }

    #[test]
    fn only_a_generic_parent_limits_its_children() {
        let verified = |token_type, exp| VerifiedToken {
            id: Uuid::nil(),
            claims: Claims {
                sub: Uuid::nil(),
                iss: String::new(),
                aud: String::new(),
                iat: NumericDate::of(at(0)),
                auth_time: None,
                proven_at: None,
                exp,
                jti: None,
                parents: Vec::new(),
                token_type,
                session_id: None,
                generation: None,
                password_at: None,
                scope: Scope::default(),
            },
            kid: None,
            found_good: FoundGood::default(),
        };
        assert_eq!(verified(Some(TokenKind::Generic), Some(5)).generic_end(), Some(5));
        assert_eq!(verified(Some(TokenKind::Login), Some(5)).generic_end(), None);
        assert_eq!(verified(None, Some(5)).generic_end(), Some(5));
        assert_eq!(verified(None, None).generic_end(), None);
    }
}
