//! What a creating handler knows of its request's earlier times.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Attempt;
use super::record::{self, Found};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Store, Timestamp, Transaction};

/// Makes a thing in a transaction, and gives both back; in boxes, so that what calls it is compiled once for all of them.
pub(crate) type Make<'a, T> =
    dyn Fn(Transaction) -> BoxFuture<'a, ApiResult<(Transaction, T)>> + Send + Sync + 'a;

/// A request whose work is done once, however often it is sent.
#[derive(Debug)]
pub(crate) struct Once {
    attempt: Attempt,
    /// What an earlier time has made, as JSON.
    made: Option<Vec<u8>>,
    expires: Timestamp,
    superseded: AtomicBool,
    /// Whether the answer is about what another request has made meanwhile.
    overtaken: AtomicBool,
}

impl Once {
    pub(super) fn new(attempt: Attempt, made: Option<Vec<u8>>, expires: Timestamp) -> Self {
        Self { attempt, made, expires, superseded: AtomicBool::new(false), overtaken: AtomicBool::new(false) }
    }

    /// Whether another replica has the whole answer.
    pub(super) fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Relaxed)
    }

    /// Whether another replica has made what this one answers about.
    pub(super) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Relaxed)
    }

    /// Makes a thing, unless an earlier time has: then that one is returned.
    ///
    /// # Errors
    /// What `make` returns; the store's own.
    pub(crate) async fn make<T>(&self, store: &Store, now: Timestamp, make: &Make<'_, T>) -> ApiResult<T>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
    {
        if let Some(made) = self.made.as_deref().and_then(read) {
            return Ok(made);
        }
        let made = store.write_sharing(|mut tx| async move {
            // It comes first: an equal request on another replica waits here for the end of this one.
            if !record::begin(&mut tx, &self.attempt, now, self.expires).await? {
                return Ok(tx.commit(None).await?);
            }
            let (mut tx, made) = make(tx).await?;
            let json = serde_json::to_vec(&made).map_err(|error| {
                tracing::error!(%error, "what was made could not be noted");
                ApiError::internal()
            })?;
            record::note(&mut tx, &self.attempt, json).await?;
            Ok::<_, ApiError>(tx.commit(Some(made)).await?)
        });
        match made.await? {
            Some(made) => Ok(made),
            None => self.made_elsewhere(store, make).await,
        }
    }

    /// What an equal request made since this one came.
    async fn made_elsewhere<T>(&self, store: &Store, make: &Make<'_, T>) -> ApiResult<T>
    where
        T: DeserializeOwned + Send,
    {
        match record::find(store, &self.attempt).await? {
            Found::Made(json) => {
                self.overtaken.store(true, Ordering::Relaxed);
                read(&json).ok_or_else(ApiError::busy)
            }
            Found::Answer(_) => {
                self.superseded.store(true, Ordering::Relaxed);
                Err(ApiError::busy())
            }
            // The key is another request's: this one is done without it.
            Found::Nothing | Found::Anothers => make_anew(store, make).await,
        }
    }
}

/// Makes a thing in a transaction.
///
/// # Errors
/// What `make` returns; the store's own.
pub(crate) async fn make_anew<T: Send>(store: &Store, make: &Make<'_, T>) -> ApiResult<T> {
    let made = store.write_sharing(|tx| async move {
        let (tx, made) = make(tx).await?;
        Ok::<_, ApiError>(tx.commit(made).await?)
    });
    made.await
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}
