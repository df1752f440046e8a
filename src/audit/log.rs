//! Where records are left, and how they come to the store.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Order, Query};
use secrecy::{ExposeSecret, SecretString};

use super::refusals::{Counted, Refusal, Refusals, RefusedAccount};
use super::{Action, Actor, Event, Origin, Record, Shipper};
use crate::accounts::users;
use crate::config::{AuditLog, ZendoSettings};
use crate::env::Environment;
use crate::env::clock::SharedClock;
use crate::env::random::SharedRandomness;
use crate::store::{Id, Store, StoreError, Timestamp, WriteBehind};
use crate::tasks;

/// Records that wait for their batch at most; a request that finds no room waits for some.
const WAITING: usize = 4096;
/// Records that one statement deletes at most.
const SWEPT_AT_ONCE: u64 = 1000;
/// Statements of one sweep at most, lest it keep the house from other work; the next one goes on.
const SWEEPS_AT_ONCE: usize = 100;

/// Leaves records.
#[derive(Debug)]
pub struct Audit {
    store: Store,
    clock: SharedClock,
    random: SharedRandomness,
    /// How long records are kept; none for ever.
    retention: Option<TimeDelta>,
    shipper: Option<Arc<Shipper>>,
    /// Records whose request waits until they are durable; those that come at once share a transaction.
    prompt: WriteBehind<Event>,
    refusals: Refusals,
    /// Accounts that were refused, until somebody asks.
    refused: Mutex<Vec<RefusedAccount>>,
    /// Counted refusals that found no room since the last round.
    lost: AtomicU64,
}

impl Audit {
    /// Opens the file that lines go to, if the settings name one.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(store: Store, settings: &ZendoSettings, environment: &Environment) -> io::Result<Self> {
        let days = settings.audit_retention.0;
        let destination = settings.audit_log.as_ref();
        let shipper = destination.map(|AuditLog(destination)| Shipper::open(destination)).transpose()?;
        Ok(Self {
            store,
            clock: Arc::clone(&environment.clock),
            random: Arc::clone(&environment.random),
            retention: (days > 0).then(|| TimeDelta::days(days.into())),
            shipper: shipper.map(Arc::new),
            prompt: WriteBehind::new(WAITING),
            refusals: Refusals::default(),
            refused: Mutex::default(),
            lost: AtomicU64::new(0),
        })
    }

    /// Something that is being done now, and has to be done and recorded though its caller hangs up.
    pub fn event(&self, origin: &Origin, action: Action) -> Event {
        tasks::must_finish();
        let now = self.clock.now();
        let shipper = self.shipper.as_ref().map(Arc::clone);
        Event::new(origin, action, self.random.id_in_time(now), Timestamp::new(now), shipper)
    }

    /// Leaves a record of what changed nothing in the store: durable when this returns.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn record(&self, event: Event) -> Result<(), StoreError> {
        self.prompt.push_or_wait(event, &self.store, |events| self.ship(events)).await?;
        self.flush(&self.prompt).await
    }

    /// Leaves a record of a refused sign-in: durable when this returns, unless there was one like it within a minute, which
    /// counts it then, or many others. What was typed for a name is kept only if an account has it.
    pub async fn refused(&self, event: Event, typed: Option<&str>) {
        tasks::must_finish();
        let typed = typed.map(|typed| SecretString::from(typed.to_owned()));
        self.strangers(Refusal { event, typed }).await;
    }

    /// Leaves a record of what anybody can do as often as they like: as [`Audit::refused`].
    pub async fn counted(&self, event: Event) {
        self.strangers(Refusal { event, typed: None }).await;
    }

    async fn strangers(&self, refusal: Refusal) {
        let Some(refusal) = self.refusals.take(refusal, Instant::now()) else { return };
        let event = self.identified(refusal).await;
        self.refusals.identify(&event);
        if let Err(error) = self.record(event).await {
            // It is answered all the same; its record waits for the store.
            tracing::warn!(%error, "what a stranger did could not be recorded yet");
        }
    }

    /// How often accounts were refused since the last time.
    pub(crate) fn take_refused(&self) -> Vec<RefusedAccount> {
        let mut refused = std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner));
        refused.extend(self.refusals.of_accounts());
        refused
    }

    /// Who follows the audit elsewhere, if anybody does.
    pub(crate) fn shipper(&self) -> Option<Arc<Shipper>> {
        self.shipper.clone()
    }

    /// Writes all records that are not durable yet.
    ///
    /// # Errors
    /// When the database doesn't answer; the next call goes on.
    pub async fn write(&self) -> Result<(), StoreError> {
        self.write_counted(false).await?;
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::error!(lost, "audit records were lost: the store has not taken them for too long");
            let event = self.event(&SERVER, Action::RecordsLost);
            if self.prompt.push(event.with("count", lost)).is_err() {
                self.lost.fetch_add(lost, Ordering::Relaxed);
            }
        }
        self.flush(&self.prompt).await
    }

    /// Writes what was counted: a new record for what has none yet, and the number in the others.
    async fn write_counted(&self, is_end: bool) -> Result<(), StoreError> {
        // What is counted is forgotten at the end of its minute.
        let refused = self.refusals.of_accounts();
        if !refused.is_empty() {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).extend(refused);
        }
        let (recorded, new): (Vec<Counted>, Vec<Counted>) = self
            .refusals
            .counted(Instant::now(), is_end)
            .into_iter()
            .partition(|counted| counted.is_recorded);
        for counted in new {
            let mut event = self.identified(counted.refusal.clone()).await;
            self.refusals.identify(&event);
            event.times = counted.times;
            if self.prompt.push(event).is_err() {
                self.lost.fetch_add(counted.times.unsigned_abs(), Ordering::Relaxed);
            }
            self.refusals.recorded(&counted);
        }
        if recorded.is_empty() {
            return Ok(());
        }
        // Their first records are in the store before their numbers.
        self.flush(&self.prompt).await?;
        let numbers = recorded.iter().map(|counted| {
            Query::update()
                .table(Record::TABLE)
                .value("times", counted.times)
                .and_where(Expr::col("id").eq(counted.refusal.event.id))
                .to_owned()
        });
        let numbers: Vec<_> = numbers.collect();
        let numbers = &numbers;
        let written = self.store.write(|mut tx| async move {
            for number in numbers {
                tx.execute(number).await?;
            }
            tx.commit(()).await
        });
        written.await?;
        for mut counted in recorded {
            self.refusals.recorded(&counted);
            if counted.is_last {
                counted.refusal.event.times = counted.times;
                let event = self.identified(counted.refusal).await;
                self.ship(&[event]);
            }
        }
        Ok(())
    }

    /// Writes the last records and ends the lines.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn close(&self) -> Result<(), StoreError> {
        let counted = self.write_counted(true).await;
        let written = self.write().await.and(counted);
        if let Some(shipper) = &self.shipper {
            shipper.close().await;
        }
        written
    }

    /// Deletes records that are older than they are kept.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(retention) = self.retention else { return Ok(()) };
        let end = Id::first_of(now - retention);
        for _ in 0..SWEEPS_AT_ONCE {
            let oldest = Query::select()
                .column("id")
                .from(Record::TABLE)
                .and_where(Expr::col("id").lt(end))
                .order_by("id", Order::Asc)
                .offset(SWEPT_AT_ONCE - 1)
                .limit(1)
                .to_owned();
            // The store is asked for where a batch ends, since not every engine deletes so many and no more.
            let last = self.store.fetch_optional::<(Id,)>(&oldest).await?;
            let in_batch = last.map(|(last,)| Expr::col("id").lte(last));
            let is_old = [Expr::col("id").lt(end)].into_iter().chain(in_batch);
            self.store.delete_where(Record::TABLE, is_old).await?;
            if last.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn flush(&self, queue: &WriteBehind<Event>) -> Result<(), StoreError> {
        queue.flush_and(&self.store, |events| self.ship(events)).await
    }

    fn ship(&self, events: &[Event]) {
        if let Some(shipper) = &self.shipper {
            shipper.ship(events.iter().map(Event::record));
        }
    }

    /// The refusal of the account whose name or id was typed.
    async fn identified(&self, Refusal { mut event, typed }: Refusal) -> Event {
        let Some(typed) = typed else { return event };
        let found = users::find_password(&self.store, typed.expose_secret()).await;
        if let (Ok(Some(user)), Actor::Claimed(claim)) = (found, &mut event.origin.actor) {
            claim.account = Some((user.id, user.name));
        }
        event
    }
}

/// The server itself.
const SERVER: Origin = Origin { actor: Actor::Nobody, address: None, user_agent: None, request_id: None };
