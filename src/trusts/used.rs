//! Tokens that were exchanged, so that none is a second time, on whatever replica.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query};

use super::MAX_AGE;
use crate::issuers::Verified;
use crate::store::{Insert, Store, StoreError, Transaction, is_duplicate};

const TABLE: &str = "zendo_used_subject_token";
/// Beyond the moment at which a token is too old: clocks of replicas differ, and jump.
const SPARE: TimeDelta = TimeDelta::hours(1);
/// Rows that are swept at once.
const BATCH: u64 = 500;

/// Notes that a token was exchanged; false when it was before.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn note(
    tx: &mut Transaction,
    token: &Verified,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ends = now + MAX_AGE + SPARE;
    let insert = Insert::into(TABLE)
        .set("digest", hex::encode(token.fingerprint))
        .set("ends_ms", ends.timestamp_millis())
        .statement();
    match tx.execute(&insert).await {
        Ok(_) => Ok(true),
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a token was exchanged.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn is_used(store: &Store, token: &Verified) -> Result<bool, StoreError> {
    let query = Query::select()
        .column("digest")
        .from(TABLE)
        .and_where(Expr::col("digest").eq(hex::encode(token.fingerprint)))
        .to_owned();
    Ok(store.fetch_optional::<(String,)>(&query).await?.is_some())
}

/// Forgets tokens that are too old to be exchanged, some at a time.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sweep(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    store.sweep_all(TABLE, "digest", &Expr::col("ends_ms").lt(now.timestamp_millis()), BATCH).await
}
