//! A request that is sent again with its `Idempotency-Key` is not done again: it gets its first answer.
//!
//! A creating handler writes into its own transaction which request made what ([`Once`]), so that a server that is
//! killed between the commit and the answer doesn't make it twice. Whole answers are kept in memory and written in
//! batches, so that no request waits for a second write. Until its answer is written, a repetition that comes to
//! another replica runs the handler, which finds what was made and answers about that.

mod once;
mod record;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use tower::Service;

use crate::config::ServerSettings;
use crate::http::error::ApiError;
use crate::http::json::written_json;
use crate::store::{Id, Store, StoreError, Timestamp};

pub(crate) use self::once::{Make, Once, make_anew};
use self::record::Found;

pub(crate) const HEADER: &str = "idempotency-key";
/// Bytes of the answers that are kept in memory, and seconds that they are.
const RECENT_BYTES: u64 = 2 << 20;
const RECENT_LIFE: Duration = Duration::from_mins(1);
/// Bytes of answers that wait to be written; more are not kept.
const UNWRITTEN_BYTES: usize = 64 << 20;
/// Bytes of an answer that is kept at most, and of those that are written at once.
const LARGEST: usize = 4 << 20;

/// One request, as its caller may repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub key: Id,
    pub user: Id,
    pub method: Method,
    /// Path and query.
    pub url: String,
}

/// Answers that may be asked for again.
pub struct Replays {
    store: Store,
    /// Requests under way, which their repetitions wait for, and answers just given.
    recent: Cache<Attempt, Bytes>,
    unwritten: Mutex<Vec<(Attempt, Bytes)>>,
    /// Who returns from a write has everything written, by whomever.
    writing: tokio::sync::Mutex<()>,
    /// How long an answer can be asked for again.
    life: Duration,
    sweep_size: u64,
    sweep_time: Duration,
}

/// An answer that is not kept: an error, or that of a key which is another request's.
#[derive(Debug)]
struct Unkept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// The answer to a request with a key.
pub enum Replayed {
    /// Its own, made just now.
    Anew(Response),
    /// That of an earlier request, or about what it made.
    First(Bytes),
}

impl Replays {
    pub fn new(store: Store, settings: &ServerSettings) -> Self {
        let recent = Cache::builder()
            .max_capacity(RECENT_BYTES)
            .weigher(|attempt: &Attempt, body: &Bytes| {
                u32::try_from(attempt.url.len() + body.len()).unwrap_or(u32::MAX)
            })
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(RECENT_LIFE);
        Self {
            store,
            recent: recent.build(),
            unwritten: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            life: Duration::from_secs(settings.request_cache_timeout.0.into()),
            sweep_size: settings.api_transaction_cleanup_batch_size.0.into(),
            sweep_time: settings.api_transaction_cleanup_time_budget.0,
        }
    }

    pub async fn answer(
        &self,
        attempt: Attempt,
        is_written: bool,
        now: DateTime<Utc>,
        request: Request,
        route: Route,
    ) -> Replayed {
        let is_new = AtomicBool::new(false);
        let first = self.first(&attempt, is_written, now, request, route, &is_new);
        match self.recent.try_get_with(attempt.clone(), first).await {
            Ok(body) if is_new.load(Ordering::Relaxed) => Replayed::Anew(written_json(body)),
            Ok(body) => Replayed::First(body),
            Err(unkept) => Replayed::Anew(unkept.response()),
        }
    }

    /// The answer of this or an earlier time; of several requests that come at once only one is here.
    async fn first(
        &self,
        attempt: &Attempt,
        is_written: bool,
        now: DateTime<Utc>,
        mut request: Request,
        mut route: Route,
        is_new: &AtomicBool,
    ) -> Result<Bytes, Unkept> {
        let made = match self.find(attempt).await? {
            Found::Answer(body) => return Ok(body),
            Found::Made(json) => Some(json),
            Found::Nothing => None,
            Found::Anothers => return Err(Unkept::of(answer_of(&mut route, request).await).await),
        };
        let expires = Timestamp::new(now + self.life);
        is_new.store(made.is_none(), Ordering::Relaxed);
        let once = Arc::new(Once::new(attempt.clone(), made, expires));
        request.extensions_mut().insert(Arc::clone(&once));
        let answer = Unkept::of(answer_of(&mut route, request).await).await;
        if !answer.status.is_success() {
            // Another replica may have been quicker.
            return match once.is_superseded() {
                true => match self.find(attempt).await? {
                    Found::Answer(body) => {
                        is_new.store(false, Ordering::Relaxed);
                        Ok(body)
                    }
                    _ => Err(answer),
                },
                false => Err(answer),
            };
        }
        if once.is_overtaken() {
            is_new.store(false, Ordering::Relaxed);
        }
        if is_written {
            self.keep(attempt, &answer.body);
        }
        Ok(answer.body)
    }

    async fn find(&self, attempt: &Attempt) -> Result<Found, Unkept> {
        match record::find(&self.store, attempt).await {
            Ok(found) => Ok(found),
            Err(error) => Err(Unkept::of(ApiError::from(error).into_response()).await),
        }
    }

    fn keep(&self, attempt: &Attempt, body: &Bytes) {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting: usize = unwritten.iter().map(|(_, body)| body.len()).sum();
        if body.len() <= LARGEST && waiting + body.len() <= UNWRITTEN_BYTES {
            unwritten.push((attempt.clone(), body.clone()));
        }
    }

    /// Writes the answers that were given since the last time.
    ///
    /// # Errors
    /// When the database doesn't answer; the next call tries again.
    pub async fn write(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let mut waiting = std::mem::take(&mut *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner));
        let expires = Timestamp::new(now + self.life);
        while !waiting.is_empty() {
            let batch = batch_size(&waiting);
            let written = record::write(&self.store, &waiting[..batch], Timestamp::new(now), expires).await;
            match written {
                // Whoever asked may have been deleted meanwhile.
                Err(error) if !crate::store::is_dangling(&error) => {
                    self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).append(&mut waiting);
                    return Err(error);
                }
                Ok(()) | Err(_) => drop(waiting.drain(..batch)),
            }
        }
        Ok(())
    }

    /// Forgets what was kept for long enough, for as long as a sweep may last.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let start = std::time::Instant::now();
        loop {
            let swept = record::sweep(&self.store, Timestamp::new(now), self.sweep_size).await?;
            if swept < self.sweep_size || start.elapsed() >= self.sweep_time {
                return Ok(());
            }
        }
    }
}

/// How many of the answers make one transaction.
fn batch_size(waiting: &[(Attempt, Bytes)]) -> usize {
    let mut bytes = 0;
    let fits = |(_, body): &&(Attempt, Bytes)| {
        bytes += body.len();
        bytes <= LARGEST
    };
    waiting.iter().take(100).take_while(fits).count().max(1)
}

/// What a route answers.
pub(crate) async fn answer_of(route: &mut Route, request: Request) -> Response {
    let Ok(answer) = route.call(request).await;
    answer
}

impl Unkept {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        match to_bytes(body, usize::MAX).await {
            Ok(body) => Self { status: parts.status, headers: parts.headers, body },
            Err(error) => {
                tracing::error!(%error, "an answer could not be read");
                let (status, headers) = (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new());
                Self { status, headers, body: Bytes::new() }
            }
        }
    }

    fn response(&self) -> Response {
        (self.status, self.headers.clone(), self.body.clone()).into_response()
    }
}
