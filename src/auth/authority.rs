//! The service that knows people under the EXTERNAL scheme, and how many may ask it at once: each question holds a
//! thread for as long as the service takes, and nobody has proved anything yet.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::auth::throttle::network;
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::{Name, ShortText};
use crate::tasks;

/// How long the other service may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of its answer that are read at most.
const MAX_ANSWER: u64 = 1 << 20;
/// Questions at the same time at most; others wait.
const AT_ONCE: usize = 32;
/// Questions of one address, under way or waiting, at most; more are refused.
const OF_AN_ADDRESS: usize = 8;
/// Bytes of a picture's address at most; a longer one is left out.
const LONGEST_URL: usize = 4096;

/// What the other service tells of an account.
#[derive(Debug, Deserialize)]
pub struct ExternalAccount {
    pub id: Uuid,
    pub username: Name,
    #[serde(default, deserialize_with = "lenient")]
    pub email: Option<ShortText>,
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<ShortText>,
    #[serde(default)]
    pub is_superuser: bool,
    #[serde(default)]
    pub is_service_account: bool,
    pub avatar_url: Option<String>,
    pub oidc_claims: Option<Box<RawValue>>,
}

impl ExternalAccount {
    pub fn full_name(&self) -> &str {
        self.name.as_ref().map_or("", ShortText::as_str)
    }

    pub fn email(&self) -> Option<&str> {
        self.email.as_ref().map(ShortText::as_str)
    }

    pub fn claims(&self) -> &str {
        self.oidc_claims.as_ref().map_or("null", |claims| claims.get())
    }
}

/// A text that is only shown: one that can't be kept, or has control characters, is none.
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<ShortText>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.contains(char::is_control));
    Ok(text.and_then(|text| ShortText::try_from(text).ok()))
}

/// Why there is no account.
#[derive(Debug)]
pub enum NoAccount {
    /// The other service doesn't know the bearer, or not here.
    Refused(ApiError),
    /// It gave no usable answer.
    Unanswered(ApiError),
}

/// Asks the other service, a bounded number of times at once.
#[derive(Debug)]
pub struct Authority {
    threads: Arc<Semaphore>,
    callers: Arc<Mutex<HashMap<String, usize>>>,
}

impl Default for Authority {
    fn default() -> Self {
        Self { threads: Arc::new(Semaphore::new(AT_ONCE)), callers: Arc::default() }
    }
}

impl Authority {
    /// Whose the bearer is. What was asked is heard to its end, whether or not the caller waits for it.
    ///
    /// # Errors
    /// 429 for an address that asks too much at once.
    pub async fn ask(
        &self,
        url: String,
        bearer: SecretString,
        address: IpAddr,
    ) -> ApiResult<Result<ExternalAccount, NoAccount>> {
        let caller = Caller::of(&self.callers, address)
            .ok_or_else(|| ApiError::limited("Too many sign-ins at once from this address.", 1))?;
        let permit = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| ApiError::internal())?;
        tasks::must_finish();
        let question = move || {
            let _held: (Caller, OwnedSemaphorePermit) = (caller, permit);
            ask(&url, &bearer)
        };
        tokio::task::spawn_blocking(question).await.map_err(|_| ApiError::internal())
    }
}

/// One question of an address, for as long as it is under way.
struct Caller {
    callers: Arc<Mutex<HashMap<String, usize>>>,
    network: String,
}

impl Caller {
    /// None when there are too many already.
    fn of(callers: &Arc<Mutex<HashMap<String, usize>>>, address: IpAddr) -> Option<Self> {
        let network = network(address);
        let mut counts = callers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network.clone()).or_default();
        if *count >= OF_AN_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Self { callers: Arc::clone(callers), network })
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut counts = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.network)),
        }
    }
}

pub(crate) fn refuse(reason: &str) -> ApiError {
    ApiError::authorization(reason)
}

fn ask(url: &str, token: &SecretString) -> Result<ExternalAccount, NoAccount> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        // A redirect would send the token to a place the operator hasn't named.
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into();
    let authorization = format!("Bearer {}", token.expose_secret());
    let failed =
        || NoAccount::Unanswered(refuse("Error fetching user information from external authenticator."));
    let answer = agent.get(url).header("authorization", &authorization).call().map_err(|error| {
        tracing::warn!(%error, "the external authenticator can't be asked");
        failed()
    })?;
    match answer.status().as_u16() {
        200..=299 => {}
        401 | 403 => return Err(NoAccount::Refused(refuse("Not authorized to access this server."))),
        404 => {
            let refusal = refuse("External authenticator did not recognize this server.");
            return Err(NoAccount::Unanswered(refusal));
        }
        status => {
            tracing::warn!(status, "the external authenticator failed");
            return Err(failed());
        }
    }
    let body = answer.into_body().into_with_config().limit(MAX_ANSWER).read_to_vec();
    let account: Option<ExternalAccount> = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
    let account =
        account.ok_or_else(|| NoAccount::Unanswered(refuse("Unknown external authenticator error")))?;
    let avatar_url = account.avatar_url.filter(|url| url.len() <= LONGEST_URL);
    Ok(ExternalAccount { avatar_url, ..account })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_questions_at_once() {
        let callers = Arc::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut under_way: Vec<Caller> =
            (0..OF_AN_ADDRESS).filter_map(|_| Caller::of(&callers, one)).collect();
        assert_eq!(under_way.len(), OF_AN_ADDRESS);
        assert!(Caller::of(&callers, one).is_none() && Caller::of(&callers, other).is_some());
        under_way.pop();
        assert!(Caller::of(&callers, one).is_some());
        under_way.clear();
        assert!(callers.lock().unwrap().is_empty());
    }

    #[test]
    fn what_is_no_name_is_no_account() {
        let read = |username: &str, email: &str| {
            let id = Uuid::nil();
            let json = serde_json::json!({"id": id, "username": username, "email": email}).to_string();
            serde_json::from_str::<ExternalAccount>(&json).map(|account| account.email.is_some())
        };
        assert!(read("eve", "eve@example.com").unwrap());
        assert!(!read("eve", "eve@example.com\r\nBcc: x").unwrap());
        for name in ["", " ", "eve\nadmin", "eve\r", "e\u{85}ve", &"e".repeat(256)] {
            assert!(read(name, "").is_err(), "{name:?}");
        }
    }
}
