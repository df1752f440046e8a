//! Tokens that were taken back before their end. A look in memory says whether one was; the store keeps them, and
//! every replica reads what is new there twice a second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Func, OnConflict, Order, Query};
use uuid::Uuid;

use super::jwt::{TokenKind, VerifiedToken};
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

/// The revoked tokens: each by its id, and all API tokens of an account up to a moment.
#[derive(Debug)]
pub struct Revocations {
    store: Store,
    revoked: RwLock<Revoked>,
    /// Up to when the store was read, in milliseconds since 1970.
    read_until: AtomicI64,
}

#[derive(Debug, Default)]
struct Revoked {
    tokens: RevokedIds,
    before: HashMap<Uuid, DateTime<Utc>>,
}

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// One token, which ends by itself at `expires`, in seconds since 1970.
    Token { id: Uuid, expires: Option<i64> },
    /// All API tokens of an account that were made up to a moment.
    ApiTokensOf { user_id: Uuid, until: DateTime<Utc> },
}

impl Revocation {
    /// Writes it, before anything else in the transaction; it counts when that is committed, and here when
    /// [`Revocations::note`] was called then.
    ///
    /// # Errors
    /// When the database doesn't answer: then nothing is revoked.
    pub async fn write(self, tx: &mut Transaction, now: DateTime<Utc>) -> Result<(), StoreError> {
        match self {
            Self::Token { id, expires } => {
                let insert = Insert::into(TOKENS).set("jti", Id(id)).set("expires", expires);
                let mut insert = insert.set("revoked_ms", now.timestamp_millis()).statement();
                insert.on_conflict(OnConflict::column("jti").do_nothing_on(["jti"]).to_owned());
                tx.execute(&insert).await.map(drop)
            }
            Self::ApiTokensOf { user_id, until } => write_account(tx, Id(user_id), until, now).await,
        }
    }
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
        let revocations = Self { store, revoked: RwLock::default(), read_until };
        revocations.load_tokens().await?;
        revocations.read_accounts(i64::MIN).await?;
        Ok(revocations)
    }

    pub fn is_revoked(&self, token: &VerifiedToken) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        if revoked.tokens.contains(token.id) {
            return true;
        }
        let before = match token.claims.token_type {
            _ if revoked.before.is_empty() => None,
            Some(TokenKind::Login) => None,
            Some(TokenKind::Generic | TokenKind::Workload) | None => revoked.before.get(&token.claims.sub),
        };
        before.is_some_and(|before| token.issued_at() <= *before)
    }

    /// The moment from which a new token of the account is good: `now`, or just after all before were taken back.
    pub fn issue_time(&self, user_id: Uuid, now: DateTime<Utc>) -> DateTime<Utc> {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        let before = revoked.before.get(&user_id);
        before.map_or(now, |before| now.max(*before + TimeDelta::microseconds(1)))
    }

    /// Takes a token back, and leaves the record of that; both are durable when this returns.
    ///
    /// # Errors
    /// When the database doesn't answer: then the token is not revoked.
    pub async fn revoke(
        &self,
        revocation: Revocation,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let written = self.store.write(|mut tx| async move {
            revocation.write(&mut tx, now).await?;
            event.commit(tx, ()).await
        });
        written.await?;
        self.note(revocation);
        Ok(())
    }

    /// Lets a revocation that was written be felt here at once.
    pub fn note(&self, revocation: Revocation) {
        let mut revoked = self.revoked();
        match revocation {
            Revocation::Token { id, expires } => revoked.tokens.insert(id, expires),
            Revocation::ApiTokensOf { user_id, until } => revoked.note_account(user_id, until),
        }
    }

    /// Reads what other replicas have revoked since the last time.
    ///
    /// # Errors
    /// When the database doesn't answer; what is known stays known, and the next call reads the same again.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let since = self.read_until.load(Ordering::Relaxed) - OVERLAP_MS;
        let query = Query::select()
            .columns(["jti", "expires"])
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
        self.revoked().tokens.sweep(over);
        Ok(())
    }

    /// Reads all tokens, a batch after the other, so that a million of them never stand in memory twice.
    async fn load_tokens(&self) -> Result<(), StoreError> {
        let count = Query::select().expr(Func::count(Expr::col("jti"))).from(TOKENS).to_owned();
        let count = self.store.fetch_optional::<(i64,)>(&count).await?.map_or(0, |(count,)| count);
        self.revoked().tokens = RevokedIds::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut last: Option<Id> = None;
        loop {
            let mut query = Query::select();
            query.columns(["jti", "expires"]).from(TOKENS).order_by("jti", Order::Asc).limit(BATCH as u64);
            if let Some(last) = last {
                query.and_where(Expr::col("jti").gt(last));
            }
            let rows: Vec<(Id, Option<i64>)> = self.store.fetch_all(&query).await?;
            self.add(&rows);
            last = rows.last().map(|(id, _)| *id);
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
            let mut revoked = self.revoked();
            rows.into_iter().for_each(|(Id(user_id), until)| revoked.note_account(user_id, until.to_utc()));
        }
        Ok(())
    }

    fn add(&self, rows: &[(Id, Option<i64>)]) {
        if !rows.is_empty() {
            let mut revoked = self.revoked();
            rows.iter().for_each(|(Id(id), expires)| revoked.tokens.insert(*id, *expires));
        }
    }

    fn revoked(&self) -> RwLockWriteGuard<'_, Revoked> {
        self.revoked.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Revoked {
    fn note_account(&mut self, user_id: Uuid, until: DateTime<Utc>) {
        let before = self.before.entry(user_id).or_insert(until);
        *before = until.max(*before);
    }
}
