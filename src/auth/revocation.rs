//! Tokens that were taken back before their end. A look in memory says whether one was; the store keeps them, and
//! every replica reads what is new there twice a second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Func, OnConflict, Order, Query};
use uuid::Uuid;

use super::jwt::{VerifiedToken, moment};
use super::register;
use super::revoked_ids::RevokedIds;
use crate::audit::Event;
use crate::store::{Id, Insert, Store, StoreError, Timestamp, Transaction};

pub const TOKENS: &str = "zendo_revoked_token";
pub const ACCOUNTS: &str = "zendo_tokens_revoked_before";
/// Milliseconds that a revocation of another replica may be noted late: its clock, and its transaction.
const OVERLAP_MS: i64 = 60_000;
/// Rows that are read, or swept, at once.
const BATCH: usize = 10_000;
/// Seconds beyond a token's end for which its revocation is kept: more than any leeway between clocks.
const KEPT_AFTER_END: i64 = 86_400;
/// What is read of a revoked token: its id, its end in seconds since 1970, and whether it ended alone.
const ENTRY: [&str; 3] = ["jti", "expires", "alone"];
type Entry = (Id, Option<i64>, bool);

/// The revoked tokens: each by its id, and all of an account whose proof was given up to a moment.
#[derive(Debug)]
pub struct Revocations {
    store: Store,
    known: RwLock<Known>,
    /// Up to when the store was read, in milliseconds since 1970.
    read_until: AtomicI64,
}

/// How a token was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// By its id, or that of one that it was made from.
    Alone,
    /// With everything of its account.
    WithAccount,
}

#[derive(Debug, Default)]
struct Known {
    /// Tokens that are over with all that was made from them.
    trees: RevokedIds,
    /// Sessions that are over alone.
    signed_out: RevokedIds,
    before: HashMap<Uuid, DateTime<Utc>>,
}

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// One token and all that was made from it. None of them lives beyond `expires`, in seconds since 1970.
    Token { id: Uuid, expires: Option<i64> },
    /// A session alone, which ends by itself at `expires`: API tokens that were made in it live on.
    SignOut { id: Uuid, expires: Option<i64> },
    /// Everything that goes back to a proof of this account which was given up to a moment: sessions too.
    AllOf { user_id: Uuid, until: DateTime<Utc> },
}

impl Revocation {
    /// Writes it, before anything else in the transaction; it counts when that is committed, and here when
    /// [`Revocations::note`] was called then.
    ///
    /// # Errors
    /// When the database doesn't answer: then nothing is revoked.
    pub async fn write(self, tx: &mut Transaction, now: DateTime<Utc>) -> Result<(), StoreError> {
        match self {
            Self::Token { id, expires } => write_token(tx, id, expires, false, now).await,
            Self::SignOut { id, expires } => write_token(tx, id, expires, true, now).await,
            Self::AllOf { user_id, until } => write_account(tx, Id(user_id), until, now).await,
        }
    }

    /// Notes in the register what ends with it, and says how much that is.
    async fn take_along(self, tx: &mut Transaction, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let now = Timestamp::new(now);
        match self {
            Self::Token { id, .. } => register::revoke_descendants(tx, Id(id), now).await,
            Self::SignOut { .. } => Ok(0),
            Self::AllOf { user_id, .. } => register::count_live(tx, Id(user_id), now).await,
        }
    }
}

/// A session that was signed out of may be revoked as stolen after that, with what was made in it; never the other way.
async fn write_token(
    tx: &mut Transaction,
    id: Uuid,
    expires: Option<i64>,
    alone: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let insert = Insert::into(TOKENS).set("jti", Id(id)).set("expires", expires).set("alone", alone);
    let mut insert = insert.set("revoked_ms", now.timestamp_millis()).statement();
    let on_conflict = match alone {
        true => OnConflict::column("jti").do_nothing_on(["jti"]).to_owned(),
        false => OnConflict::column("jti").update_columns(["expires", "alone", "revoked_ms"]).to_owned(),
    };
    tx.execute(insert.on_conflict(on_conflict)).await.map(drop)
}

/// A moment that was noted never goes back, though the clocks of two replicas differ.
async fn write_account(
    tx: &mut Transaction,
    user_id: Id,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.take_turn("tokens_revoked_before").await?;
    let noted = Query::select()
        .column("revoked_before")
        .from(ACCOUNTS)
        .and_where(Expr::col("user_id").eq(user_id))
        .to_owned();
    let noted: Option<(Timestamp,)> = tx.fetch_optional(&noted).await?;
    let until = noted.map_or(Timestamp::new(until), |(noted,)| std::cmp::max(noted, Timestamp::new(until)));
    let mut insert = Insert::into(ACCOUNTS)
        .set("user_id", user_id)
        .set("revoked_before", until)
        .set("revoked_ms", now.timestamp_millis())
        .statement();
    let changed = OnConflict::column("user_id").update_columns(["revoked_before", "revoked_ms"]).to_owned();
    tx.execute(insert.on_conflict(changed)).await.map(drop)
}

impl Revocations {
    /// Reads what the store has.
    ///
    /// # Errors
    /// When the database doesn't answer: a server that doesn't know what is revoked must not start.
    pub async fn load(store: Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let read_until = AtomicI64::new(now.timestamp_millis());
        let revocations = Self { store, known: RwLock::default(), read_until };
        revocations.load_tokens().await?;
        revocations.read_accounts(i64::MIN).await?;
        Ok(revocations)
    }

    /// How the token was taken back, if it was.
    pub fn find(&self, token: &VerifiedToken) -> Option<Revoked> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_over = |id: &Uuid| known.trees.contains(*id);
        if is_over(&token.id)
            || known.signed_out.contains(token.id)
            || token.claims.parents.iter().any(is_over)
        {
            return Some(Revoked::Alone);
        }
        let before = known.before.get(&token.claims.sub)?;
        (moment(token.proven_at()) <= *before).then_some(Revoked::WithAccount)
    }

    /// The moment from which a new token of the account is good: `now`, or just after all before were taken back.
    pub fn issue_time(&self, user_id: Uuid, now: DateTime<Utc>) -> DateTime<Utc> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let before = known.before.get(&user_id);
        before.map_or(now, |before| now.max(*before + TimeDelta::microseconds(1)))
    }

    /// Takes a token back, and leaves the record of that; both are durable when this returns. Says how many API tokens
    /// of the register go with it.
    ///
    /// # Errors
    /// When the database doesn't answer: then the token is not revoked.
    pub async fn revoke(
        &self,
        revocation: Revocation,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let written = self.store.write(|mut tx| async move {
            revocation.write(&mut tx, now).await?;
            let descendants = revocation.take_along(&mut tx, now).await?;
            let event = event.clone().maybe("descendants", (descendants > 0).then_some(descendants));
            event.commit(tx, descendants).await
        });
        let descendants = written.await?;
        self.note(revocation);
        Ok(descendants)
    }

    /// Lets a revocation that was written be felt here at once.
    pub fn note(&self, revocation: Revocation) {
        let mut known = self.known();
        match revocation {
            Revocation::Token { id, expires } => known.trees.insert(id, expires),
            Revocation::SignOut { id, expires } => known.signed_out.insert(id, expires),
            Revocation::AllOf { user_id, until } => known.note_account(user_id, until),
        }
    }

    /// Reads what other replicas have revoked since the last time.
    ///
    /// # Errors
    /// When the database doesn't answer; what is known stays known, and the next call reads the same again.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let since = self.read_until.load(Ordering::Relaxed) - OVERLAP_MS;
        let query = Query::select()
            .columns(ENTRY)
            .from(TOKENS)
            .and_where(Expr::col("revoked_ms").gte(since))
            .to_owned();
        self.add(&self.store.fetch_all(&query).await?);
        self.read_accounts(since).await?;
        self.read_until.fetch_max(now.timestamp_millis(), Ordering::Relaxed);
        Ok(())
    }

    /// Sweeps revocations of tokens that are over anyway, some at a time.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let over = now.timestamp() - KEPT_AFTER_END;
        self.store.sweep_all(TOKENS, "jti", &Expr::col("expires").lt(over), BATCH as u64).await?;
        let mut known = self.known();
        known.trees.sweep(over);
        known.signed_out.sweep(over);
        Ok(())
    }

    /// Reads all tokens, a batch after the other, so that a million of them never stand in memory twice.
    async fn load_tokens(&self) -> Result<(), StoreError> {
        let count = Query::select().expr(Func::count(Expr::col("jti"))).from(TOKENS).to_owned();
        let count = self.store.fetch_optional::<(i64,)>(&count).await?.map_or(0, |(count,)| count);
        self.known().trees = RevokedIds::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut last: Option<Id> = None;
        loop {
            let mut query = Query::select();
            query.columns(ENTRY).from(TOKENS).order_by("jti", Order::Asc).limit(BATCH as u64);
            if let Some(last) = last {
                query.and_where(Expr::col("jti").gt(last));
            }
            let rows: Vec<Entry> = self.store.fetch_all(&query).await?;
            self.add(&rows);
            last = rows.last().map(|(id, ..)| *id);
            if rows.len() < BATCH {
                return Ok(());
            }
        }
    }

    async fn read_accounts(&self, since_ms: i64) -> Result<(), StoreError> {
        let query = Query::select()
            .columns(["user_id", "revoked_before"])
            .from(ACCOUNTS)
            .and_where(Expr::col("revoked_ms").gte(since_ms))
            .to_owned();
        let rows: Vec<(Id, Timestamp)> = self.store.fetch_all(&query).await?;
        if !rows.is_empty() {
            let mut known = self.known();
            rows.into_iter().for_each(|(Id(user_id), until)| known.note_account(user_id, until.to_utc()));
        }
        Ok(())
    }

    fn add(&self, rows: &[Entry]) {
        if !rows.is_empty() {
            let mut known = self.known();
            for (Id(id), expires, alone) in rows {
                let ids = if *alone { &mut known.signed_out } else { &mut known.trees };
                ids.insert(*id, *expires);
            }
        }
    }

    fn known(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note_account(&mut self, user_id: Uuid, until: DateTime<Utc>) {
        let before = self.before.entry(user_id).or_insert(until);
        *before = until.max(*before);
    }
}
