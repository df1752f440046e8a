//! Tokens that others have issued: who an issuer is, where its keys are, and whether a token is its.
//!
//! An issuer is asked only over https (this machine excepted), for its discovery document and the keys that this names
//! (OpenID Connect Discovery 1.0). Its keys are remembered, and looked up again when a token names one that isn't among
//! them: at most once a minute, whatever comes.

mod claims;
mod discovery;
mod keys;
mod token;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use url::Url;

use crate::config::{Issuer, Setting};
use crate::env::clock::is_within;
use crate::outbound::{CallError, Outbound};
use crate::recent::Recent;

pub(crate) use keys::{BY_PUBLIC_KEY, KeySet, NoKeySet};
pub(crate) use token::{Expected, JWT, Unverified, Verified};

/// Issuers that are remembered at once.
const REMEMBERED: usize = 1024;
/// Between two looks for a key that isn't there.
const BETWEEN_LOOKS: TimeDelta = TimeDelta::minutes(1);
/// For so long an issuer isn't asked again that gave no usable answer.
const AFTER_FAILURE: TimeDelta = TimeDelta::seconds(10);
/// Keys that are older are looked up again, so that one that was withdrawn ends.
const FRESH: TimeDelta = TimeDelta::minutes(15);
/// And for so long they are good while the issuer can't be reached.
const STALE: TimeDelta = TimeDelta::hours(6);

/// Why a token of somebody else's is refused. The texts have nothing of the token's but what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is no signed JWT: {0}")]
    Unreadable(&'static str),
    #[error("its algorithm is {0:?}, and only signatures by a public key are taken")]
    Algorithm(String),
    #[error("its type is {0:?}")]
    Type(String),
    #[error("it has extensions that have to be understood and aren't (crit)")]
    Critical,
    #[error("it names the key {0:?}, which its issuer doesn't have")]
    UnknownKey(String),
    #[error("its issuer has no key for its algorithm")]
    NoKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is of the issuer {0:?}")]
    Issuer(String),
    #[error("it is for the audience {0}")]
    Audience(String),
    #[error("it doesn't say its {0}")]
    Missing(&'static str),
    #[error("its {0} is no moment")]
    NoTimestamp(&'static str),
    #[error("it ended {0} seconds ago")]
    Expired(i64),
    #[error("it isn't good yet ({0})")]
    TooEarly(&'static str),
    #[error("it was issued {0} seconds ago, and at most {1} are taken")]
    TooOld(i64, i64),
    #[error(transparent)]
    Issuers(#[from] IssuerError),
}

/// Why an issuer's keys aren't known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssuerError {
    #[error(
        "an issuer is an address that begins with https:// (or http:// on this machine), without a query or fragment"
    )]
    Url,
    #[error("the issuer gave no keys: {0}")]
    Call(#[from] CallError),
    #[error("the issuer gave no keys: {0} answered {1}")]
    Status(String, u16),
    #[error("the issuer's discovery document can't be read")]
    Document,
    #[error("the issuer's discovery document is that of {0:?}")]
    OtherIssuer(String),
    #[error("the issuer's keys can't be read: {0}")]
    Keys(NoKeySet),
}

impl IssuerError {
    /// Whether it may be otherwise in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Status(..))
    }
}

/// Where the keys of an issuer are from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Its discovery document says where.
    Discovery,
    /// They were given, since it can't be reached.
    Given(Arc<KeySet>),
}

/// Knows issuers. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Issuers {
    outbound: Outbound,
    known: Arc<Recent<String, Arc<OneIssuer>>>,
}

#[derive(Debug, Default)]
struct OneIssuer {
    known: Mutex<Known>,
    /// Whoever asks it holds this, so that one question is under way at a time.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// What an issuer says of itself, and its keys.
#[derive(Debug)]
pub(crate) struct Published {
    /// Its discovery document, as it has sent it.
    pub document: Vec<u8>,
    pub keys: KeySet,
}

/// What is known of one.
#[derive(Debug, Default)]
struct Known {
    found: Option<Arc<Published>>,
    found_at: Option<DateTime<Utc>>,
    asked_at: Option<DateTime<Utc>>,
    /// When it was last asked for a key that wasn't there.
    looked_at: Option<DateTime<Utc>>,
    failure: Option<IssuerError>,
}

impl Issuers {
    /// Issuers that are reached so.
    pub(crate) fn new(outbound: Outbound) -> Self {
        Self { outbound, known: Arc::new(Recent::new(REMEMBERED)) }
    }

    /// Checks a token: that its issuer has signed it, for this audience, and that its time is now.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub(crate) async fn verify(
        &self,
        source: &Source,
        token: &Unverified<'_>,
        expected: &Expected<'_>,
        now: DateTime<Utc>,
    ) -> Result<Verified, Refused> {
        // What can be told without a question to anybody comes first.
        token.check_claims(expected, now)?;
        match source {
            Source::Given(keys) => token.check_signature(keys)?,
            Source::Discovery => {
                let published = self.published(expected.issuer, now).await?;
                match token.check_signature(&published.keys) {
                    Err(refused) if token.is_of_unknown_key(&refused) => {
                        let lacks = |keys: &KeySet| token.check_signature(keys).is_err();
                        let published = self.look_again(expected.issuer, now, lacks).await?;
                        token.check_signature(&published.keys)?;
                    }
                    checked => checked?,
                }
            }
        }
        Ok(token.verified())
    }

    /// What is known of an issuer, which is asked when nothing is, or when that is old.
    ///
    /// # Errors
    /// When it gives no usable answer.
    pub(crate) async fn published(
        &self,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<Published>, IssuerError> {
        self.look_again(issuer, now, |_| false).await
    }

    /// The same, and asked again where its keys lack one: at most once a minute.
    ///
    /// # Errors
    /// When it gives no usable answer.
    pub(crate) async fn look_again(
        &self,
        issuer: &str,
        now: DateTime<Utc>,
        lacks: impl Fn(&KeySet) -> bool,
    ) -> Result<Arc<Published>, IssuerError> {
        let url = issuer_url(issuer)?;
        let one = self.known.with(issuer.to_owned(), Arc::default, |one| Arc::clone(one));
        // Whoever has the keys waits for nobody who looks for others.
        if let Some(answer) = one.known().answer(now, &lacks) {
            return answer;
        }
        let asking = Arc::clone(&one.asking).lock_owned().await;
        if let Some(answer) = one.known().answer(now, &lacks) {
            return answer;
        }
        let (outbound, issuer) = (self.outbound.clone(), issuer.to_owned());
        // A task of its own: whoever hangs up meanwhile would have it asked again.
        let asked = tokio::spawn(async move {
            let _asking = asking;
            let answer = discovery::ask(&outbound, &url, &issuer).await;
            one.known().note(answer, now)
        });
        asked.await.unwrap_or(Err(IssuerError::Document))
    }
}

impl OneIssuer {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What there is to say without a question: none when it is to be asked.
    fn answer(
        &self,
        now: DateTime<Utc>,
        lacks: &impl Fn(&KeySet) -> bool,
    ) -> Option<Result<Arc<Published>, IssuerError>> {
        if let Some(found) = self.in_time(now).filter(|found| !lacks(&found.keys) || !self.may_look(now)) {
            return Some(Ok(found));
        }
        let failure = self.failure.clone().filter(|_| !self.may_ask(now))?;
        Some(self.found_while_away(now).ok_or(failure))
    }

    /// What was found, while it is new enough.
    fn in_time(&self, now: DateTime<Utc>) -> Option<Arc<Published>> {
        self.found_within(FRESH, now)
    }

    fn found_while_away(&self, now: DateTime<Utc>) -> Option<Arc<Published>> {
        self.found_within(STALE, now)
    }

    fn found_within(&self, life: TimeDelta, now: DateTime<Utc>) -> Option<Arc<Published>> {
        let is_new = self.found_at.is_some_and(|at| is_within(at, life, now));
        self.found.clone().filter(|_| is_new)
    }

    /// Whether enough time has passed to look for another key.
    fn may_look(&self, now: DateTime<Utc>) -> bool {
        self.looked_at.is_none_or(|at| !is_within(at, BETWEEN_LOOKS, now))
    }

    /// Whether enough time has passed since it gave no answer.
    fn may_ask(&self, now: DateTime<Utc>) -> bool {
        self.asked_at.is_none_or(|at| !is_within(at, AFTER_FAILURE, now))
    }

    fn note(
        &mut self,
        answer: Result<Published, IssuerError>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Published>, IssuerError> {
        if self.in_time(now).is_some() {
            self.looked_at = Some(now);
        }
        self.asked_at = Some(now);
        match answer {
            Ok(found) => {
                let found = Arc::new(found);
                (self.found, self.found_at, self.failure) = (Some(Arc::clone(&found)), Some(now), None);
                Ok(found)
            }
            Err(failure) => {
                tracing::warn!(%failure, "an issuer's keys could not be read");
                self.failure = Some(failure.clone());
                self.found_while_away(now).ok_or(failure)
            }
        }
    }
}

/// The address that an issuer is.
///
/// # Errors
/// [`IssuerError::Url`] for what can't be one.
pub(crate) fn issuer_url(issuer: &str) -> Result<Url, IssuerError> {
    Issuer::read(issuer).map(|Issuer(url, _)| url).ok_or(IssuerError::Url)
}

/// What a claim is, by the names on the way to it.
pub(crate) fn claim_at<'c>(claims: &'c Map<String, Value>, path: &[String]) -> Option<&'c Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
}

#[cfg(test)]
mod tests;
