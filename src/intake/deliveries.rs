//! Deliveries that were accepted, by their providers' ids: one that is sent again counts once.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Order, Query};
use sha2::{Digest, Sha256};

use crate::store::{Id, Insert, Store, StoreError, Transaction, is_duplicate};

const TABLE: &str = "zendo_webhook_delivery";
/// For so long one is remembered: longer than providers try again by themselves.
const MEMORY: TimeDelta = TimeDelta::days(3);
/// So many are remembered at most; the oldest are forgotten first.
const MOST: u64 = 1_000_000;
const SWEPT_AT_ONCE: u64 = 1000;

/// Whether a webhook meets that delivery for the first time. From now on it is known, if the transaction ends well.
///
/// # Errors
/// The store's own.
pub(crate) async fn is_first(
    tx: &mut Transaction,
    webhook: Id,
    delivery: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut digest = Sha256::new();
    digest.update(webhook.0.as_bytes());
    digest.update(delivery);
    let insert = Insert::into(TABLE)
        .set("digest", hex::encode(digest.finalize()))
        .set("received_ms", now.timestamp_millis());
    match insert.run(tx).await {
        Err(error) if is_duplicate(&error) => Ok(false),
        inserted => inserted.map(|()| true),
    }
}

/// Forgets what is too old, or too much.
///
/// # Errors
/// The store's own.
pub(crate) async fn sweep(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    let first_too_many = Query::select()
        .column("received_ms")
        .from(TABLE)
        .order_by("received_ms", Order::Desc)
        .limit(1)
        .offset(MOST)
        .to_owned();
    let too_many: Option<(i64,)> = store.fetch_optional(&first_too_many).await?;
    let too_old = (now - MEMORY).timestamp_millis();
    let until = too_many.map_or(too_old, |(moment,)| Ord::max(moment, too_old));
    store.sweep_all(TABLE, "digest", &Expr::col("received_ms").lt(until), SWEPT_AT_ONCE).await
}
