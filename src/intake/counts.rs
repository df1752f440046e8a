//! What webhooks count of their deliveries. Those that were refused cost whoever sends them nothing, so they are gathered
//! in memory and written now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sea_query::{Expr, ExprTrait, Query, UpdateStatement};
use serde::Serialize;
use sqlx_macros::FromRow;
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::store::{Id, Store, StoreError, Timestamp, Transaction};

const TABLE: &str = "webhook_stats";

/// What became of a delivery that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// Nobody who has the secret has signed it; in words for people.
    NotSigned(&'static str),
    /// It doesn't say what it has to; in words for people.
    Unreadable(&'static str),
}

/// What a webhook has counted (contract schema WebhookStats).
#[derive(Debug, Clone, Default, Serialize, FromRow)]
pub(crate) struct Stats {
    received_count: i32,
    accepted_count: i32,
    auth_failed_count: i32,
    invalid_payload_count: i32,
    last_received_at: Option<Timestamp>,
    last_accepted_at: Option<Timestamp>,
    last_error_at: Option<Timestamp>,
    last_error_summary: Option<String>,
}

impl Stats {
    fn add(&mut self, outcome: Outcome, now: Timestamp) {
        let count = |number: &mut i32| *number = number.saturating_add(1);
        count(&mut self.received_count);
        self.last_received_at = Ord::max(self.last_received_at, Some(now));
        match outcome {
            Outcome::Accepted => {
                count(&mut self.accepted_count);
                self.last_accepted_at = Ord::max(self.last_accepted_at, Some(now));
            }
            Outcome::NotSigned(summary) => {
                count(&mut self.auth_failed_count);
                self.fail(summary, now);
            }
            Outcome::Unreadable(summary) => {
                count(&mut self.invalid_payload_count);
                self.fail(summary, now);
            }
        }
    }

    fn fail(&mut self, summary: &str, now: Timestamp) {
        self.last_error_at = Some(now);
        self.last_error_summary = Some(summary.to_owned());
    }

    /// With what was counted later.
    fn with(mut self, later: &Self) -> Self {
        let sum = |number: &mut i32, more: i32| *number = number.saturating_add(more);
        sum(&mut self.received_count, later.received_count);
        sum(&mut self.accepted_count, later.accepted_count);
        sum(&mut self.auth_failed_count, later.auth_failed_count);
        sum(&mut self.invalid_payload_count, later.invalid_payload_count);
        self.last_received_at = Ord::max(self.last_received_at, later.last_received_at);
        self.last_accepted_at = Ord::max(self.last_accepted_at, later.last_accepted_at);
        if later.last_error_at.is_some() {
            self.last_error_at = later.last_error_at;
            self.last_error_summary = later.last_error_summary.clone();
        }
        self
    }

    /// Adds all of it to a webhook's row.
    fn statement(&self, webhook: Id) -> UpdateStatement {
        let mut update = Query::update();
        update.table(TABLE).and_where(Expr::col("webhook_id").eq(webhook));
        for (column, more) in [
            ("received_count", self.received_count),
            ("accepted_count", self.accepted_count),
            ("auth_failed_count", self.auth_failed_count),
            ("invalid_payload_count", self.invalid_payload_count),
        ] {
            if more > 0 {
                update.value(column, Expr::col(column).add(more));
            }
        }
        for (column, moment) in [
            ("last_received_at", self.last_received_at),
            ("last_accepted_at", self.last_accepted_at),
            ("last_error_at", self.last_error_at),
        ] {
            if let Some(moment) = moment {
                update.value(column, moment);
            }
        }
        if let Some(summary) = &self.last_error_summary {
            update.value("last_error_summary", summary.as_str());
        }
        update
    }
}

/// What was counted and isn't written yet: by webhooks that are there, so it is no more than they are.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    unwritten: Mutex<HashMap<Id, Stats>>,
    /// Held while it is written, so that whoever reads meets it in one of the two places.
    writing: RwLock<()>,
}

/// While it is held, nothing is written of what isn't yet.
pub(crate) struct Unwritten<'a> {
    counts: &'a Counts,
    _reading: RwLockReadGuard<'a, ()>,
}

impl Counts {
    /// Counts a delivery that was refused.
    pub(crate) fn note(&self, webhook: Id, outcome: Outcome, now: Timestamp) {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(webhook)
            .or_default()
            .add(outcome, now);
    }

    /// Counts one that was accepted, in the transaction that remembers it.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn accept(tx: &mut Transaction, webhook: Id, now: Timestamp) -> Result<(), StoreError> {
        let mut stats = Stats::default();
        stats.add(Outcome::Accepted, now);
        tx.execute(&stats.statement(webhook)).await.map(drop)
    }

    /// Writes what was counted since the last time.
    ///
    /// # Errors
    /// When the database doesn't answer; what wasn't written is kept.
    pub(crate) async fn write(&self, store: &Store) -> Result<(), StoreError> {
        if self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return Ok(());
        }
        let _writing = self.writing.write().await;
        let counted: Vec<(Id, Stats)> = {
            let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            unwritten.iter().map(|(webhook, stats)| (*webhook, stats.clone())).collect()
        };
        for (webhook, stats) in counted {
            store.execute(&stats.statement(webhook)).await?;
            self.forget(webhook, &stats);
        }
        Ok(())
    }

    /// Takes away what was written. More may have been counted since it was read.
    fn forget(&self, webhook: Id, written: &Stats) {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stats) = unwritten.get_mut(&webhook) {
            stats.received_count -= written.received_count;
            stats.auth_failed_count -= written.auth_failed_count;
            stats.invalid_payload_count -= written.invalid_payload_count;
            if stats.received_count == 0 {
                unwritten.remove(&webhook);
            }
        }
    }

    /// What isn't written yet, while whatever is written is read beside it.
    pub(crate) async fn unwritten(&self) -> Unwritten<'_> {
        Unwritten { counts: self, _reading: self.writing.read().await }
    }
}

impl Unwritten<'_> {
    /// What a webhook has counted, by what its row says.
    pub(crate) fn on(&self, webhook: Id, written: Stats) -> Stats {
        let unwritten = self.counts.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        match unwritten.get(&webhook) {
            Some(later) => written.with(later),
            None => written,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap())
    }

    #[tokio::test]
    async fn what_was_counted_while_it_was_written_is_kept() {
        let (counts, webhook) = (Counts::default(), Id(Uuid::from_u128(1)));
        counts.note(webhook, Outcome::NotSigned("a"), at(1));
        let written = counts.unwritten.lock().unwrap()[&webhook].clone();
        counts.note(webhook, Outcome::Unreadable("b"), at(2));
        counts.forget(webhook, &written);
        let shown = counts.unwritten().await.on(webhook, written);
        assert_eq!((shown.received_count, shown.auth_failed_count, shown.invalid_payload_count), (2, 1, 1));
        assert_eq!((shown.last_error_at, shown.last_error_summary.as_deref()), (Some(at(2)), Some("b")));
        let rest = counts.unwritten.lock().unwrap()[&webhook].clone();
        counts.forget(webhook, &rest);
        assert!(counts.unwritten.lock().unwrap().is_empty());
    }
}
