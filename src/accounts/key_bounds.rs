//! When an API key's secrets end, and where it may be used from. ZenML's table has no room for it.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr};
use sqlx_macros::FromRow;

use super::api_keys;
use crate::store::{Id, Insert, Store, StoreError, Timestamp, Transaction};

pub(crate) const TABLE: &str = "zendo_api_key_bounds";
/// Rows that one statement deletes at most.
const SWEPT_AT_ONCE: u64 = 500;

/// Days before its end at which a key's end is told, and at the end itself.
const TOLD: [i64; 4] = [14, 7, 1, 0];

/// The bounds of one key.
#[derive(Debug, Clone, Default, PartialEq, FromRow)]
pub(crate) struct KeyBounds {
    /// Seconds that each secret lives; none without an end of its own.
    pub lifetime: Option<i64>,
    pub generation: i64,
    /// The end of that generation's secret.
    pub expires: Option<Timestamp>,
    /// The end of the one before.
    pub previous_expires: Option<Timestamp>,
    pub addresses: Option<String>,
    /// When its next warning is due, in seconds since 1970.
    pub next_warning: Option<i64>,
}

impl KeyBounds {
    /// The bounds of a key, if it has any.
    ///
    /// # Errors
    /// When the database doesn't answer; so do the others.
    pub(crate) async fn find(tx: &mut Transaction, id: Id) -> Result<Option<Self>, StoreError> {
        let query = Sql::select()
            .columns(["lifetime", "generation", "expires", "previous_expires", "addresses", "next_warning"])
            .from(TABLE)
            .and_where(Expr::col("api_key_id").eq(id))
            .to_owned();
        tx.fetch_optional(&query).await
    }

    /// Keeps them, in place of those that were there.
    pub(crate) async fn keep(&self, tx: &mut Transaction, id: Id) -> Result<(), StoreError> {
        forget(tx, Expr::col("api_key_id").eq(id)).await?;
        Insert::into(TABLE)
            .set("api_key_id", id)
            .set("lifetime", self.lifetime)
            .set("generation", self.generation)
            .set("expires", self.expires)
            .set("previous_expires", self.previous_expires)
            .set("addresses", self.addresses.as_deref())
            .set("next_warning", self.next_warning)
            .run(tx)
            .await
    }

    /// Sets when the newest secret ends, and when that is first told.
    pub(crate) fn end(&mut self, lifetime: Option<i64>, expires: Option<Timestamp>, now: DateTime<Utc>) {
        self.lifetime = lifetime;
        self.expires = expires;
        self.next_warning = expires.and_then(|end| next_warning(end.to_utc(), now));
    }
}

/// The moment, `seconds` from now, in whole seconds.
pub(crate) fn end_after(seconds: i64, now: DateTime<Utc>) -> Option<Timestamp> {
    let end = now.timestamp().checked_add(seconds)?;
    DateTime::from_timestamp(end, 0).map(Timestamp::new)
}

/// The first moment after `now` at which an end is told. What lives shorter than the time before its end isn't told then.
pub(crate) fn next_warning(end: DateTime<Utc>, now: DateTime<Utc>) -> Option<i64> {
    let moments = TOLD.iter().map(|days| end - TimeDelta::days(*days));
    moments.filter(|moment| *moment > now).map(|moment| moment.timestamp()).next()
}

/// For how many days more a key is good whose end is told now: the least of those that are said.
pub(crate) fn days_left(end: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    TOLD.into_iter().rev().find(|days| end - TimeDelta::days(*days) <= now).unwrap_or(TOLD[0])
}

/// Forgets the bounds of keys that are deleted.
pub(crate) async fn forget(tx: &mut Transaction, which: SimpleExpr) -> Result<(), StoreError> {
    tx.delete_where(TABLE, [which]).await.map(drop)
}

/// Deletes bounds of keys that another server has deleted.
pub(crate) async fn sweep(store: &Store) -> Result<(), StoreError> {
    let key = Sql::select()
        .expr(Expr::val(1))
        .from(api_keys::TABLE)
        .and_where(Expr::col((api_keys::TABLE, "id")).equals((TABLE, "api_key_id")))
        .to_owned();
    store.sweep_all(TABLE, "api_key_id", &Expr::exists(key).not(), SWEPT_AT_ONCE).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_at_14_7_and_1_days_and_when_it_has_come() {
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let told = |lifetime: TimeDelta| {
            let end = now + lifetime;
            let (mut at, mut all) = (now, Vec::new());
            while let Some(next) = next_warning(end, at) {
                at = DateTime::from_timestamp(next, 0).unwrap();
                all.push(days_left(end, at));
            }
            all
        };
        assert_eq!(told(TimeDelta::days(90)), [14, 7, 1, 0]);
        assert_eq!(told(TimeDelta::days(14)), [7, 1, 0]);
        assert_eq!(told(TimeDelta::days(3)), [1, 0]);
        assert_eq!(told(TimeDelta::hours(3)), [0]);
        assert_eq!(told(TimeDelta::hours(-3)), [0; 0]);
        // A server that was away tells the last one alone.
        let end = now + TimeDelta::days(90);
        assert_eq!(days_left(end, end - TimeDelta::days(6)), 7);
        assert_eq!(days_left(end, end + TimeDelta::days(6)), 0);
    }
}
