//! Tokens that were taken back before their end. A look in memory says whether one was; the store keeps them, and
//! every replica reads what is new there once a second.

use std::collections::HashSet;
use std::sync::RwLock;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, OnConflict, Query};
use uuid::Uuid;

use crate::store::{Id, Insert, Store, StoreError};

const TABLE: &str = "zendo_revoked_token";
/// Milliseconds that a revocation of another replica may be noted late: its clock, and its transaction.
const OVERLAP_MS: i64 = 60_000;

/// The revoked tokens, by their `jti`.
#[derive(Debug)]
pub struct Revocations {
    store: Store,
    revoked: RwLock<HashSet<u128>>,
    /// Up to when the store was read, in milliseconds since 1970.
    read_until: AtomicI64,
}

impl Revocations {
    /// Reads what the store has.
    ///
    /// # Errors
    /// When the database doesn't answer: a server that doesn't know what is revoked must not start.
    pub async fn load(store: Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let revocations =
            Self { store, revoked: RwLock::default(), read_until: AtomicI64::new(i64::MIN + OVERLAP_MS) };
        revocations.refresh(now).await?;
        Ok(revocations)
    }

    pub fn is_revoked(&self, jti: Uuid) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        revoked.contains(&jti.as_u128())
    }

    /// Takes a token back; durable when this returns.
    ///
    /// # Errors
    /// When the database doesn't answer: then the token is not revoked.
    pub async fn revoke(
        &self,
        jti: Uuid,
        expires: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut insert = Insert::into(TABLE)
            .set("jti", Id(jti))
            .set("expires", expires)
            .set("revoked_ms", now.timestamp_millis())
            .statement();
        insert.on_conflict(OnConflict::column("jti").do_nothing_on(["jti"]).to_owned());
        self.store.execute(&insert).await?;
        self.add([jti]);
        Ok(())
    }

    /// Reads what other replicas have revoked since the last time.
    ///
    /// # Errors
    /// When the database doesn't answer; what is known stays known, and the next call reads the same again.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let since = self.read_until.load(Ordering::Relaxed) - OVERLAP_MS;
        let query = Query::select()
            .column("jti")
            .from(TABLE)
            .and_where(Expr::col("revoked_ms").gte(since))
            .to_owned();
        let new: Vec<(Id,)> = self.store.fetch_all(&query).await?;
        self.add(new.into_iter().map(|(Id(jti),)| jti));
        self.read_until.fetch_max(now.timestamp_millis(), Ordering::Relaxed);
        Ok(())
    }

    /// Sweeps revocations of tokens that are over anyway.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        // A day beyond any leeway between clocks.
        let over = now.timestamp() - 86_400;
        let delete = Query::delete().from_table(TABLE).and_where(Expr::col("expires").lt(over)).to_owned();
        self.store.execute(&delete).await.map(drop)
    }

    fn add(&self, jtis: impl IntoIterator<Item = Uuid>) {
        let mut jtis = jtis.into_iter().map(|jti| jti.as_u128()).peekable();
        if jtis.peek().is_some() {
            let mut revoked = self.revoked.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            revoked.extend(jtis);
        }
    }
}
