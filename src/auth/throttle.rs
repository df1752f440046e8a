//! Failed sign-ins make the next attempt wait, longer each time: by account, and by address.
//!
//! The counts are in the store, so replicas share them; nothing is written for a sign-in that succeeds without a
//! failure before it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, OnConflict, Query};
use sha2::{Digest, Sha256};

use crate::accounts::names::canonical;
use crate::store::{Insert, Store, StoreError};

const TABLE: &str = "zendo_sign_in_failure";
/// Milliseconds without a failure after which the count starts again.
const MEMORY_MS: i64 = 60 * 60 * 1000;
/// Counts that one statement deletes at most.
const SWEPT_AT_ONCE: u64 = 1000;

/// What failures are counted by.
#[derive(Debug, Clone)]
pub struct Subject {
    /// A digest: names that people typed, passwords among them, are not kept.
    key: String,
    /// Failures before the first wait.
    free: u32,
    /// Seconds of the longest wait.
    longest: i64,
}

impl Subject {
    /// An account, by its name. Its longest wait is short, or anybody could lock its owner out.
    pub fn account(name: &str) -> Self {
        Self::guessed("account", name)
    }

    /// A kind of secret of an account, by its name in whatever spelling.
    pub fn guessed(kind: &str, name: &str) -> Self {
        Self { key: key(kind, &canonical(name)), free: 5, longest: 30 }
    }

    /// An account at a place where it has signed in before, by the place's digest.
    pub fn known_place(digest: &str) -> Self {
        Self { key: key("known place", digest), free: 5, longest: 30 }
    }

    /// An address, from which many people may sign in.
    pub fn address(address: IpAddr) -> Self {
        Self { key: key("address", &network(address)), free: 20, longest: 15 * 60 }
    }

    /// Seconds to wait after so many failures: 1, 2, 4, ... up to the longest.
    fn wait(&self, failures: u32) -> i64 {
        match failures.checked_sub(self.free) {
            None | Some(0) => 0,
            Some(over) => 1i64.checked_shl(over - 1).unwrap_or(self.longest).clamp(1, self.longest),
        }
    }
}

/// One household has a /64 of IPv6 addresses, so they count as one.
pub(crate) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn key(kind: &str, name: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(kind);
    digest.update([0]);
    digest.update(name);
    hex::encode(digest.finalize())
}

/// Too early: so many seconds are left to wait.
#[derive(Debug, PartialEq)]
pub struct TooEarly {
    pub seconds: u64,
}

/// Counts failed sign-ins.
#[derive(Debug, Clone)]
pub struct Throttle {
    store: Store,
}

impl Throttle {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Whether the subjects may try now; says which of them have failed lately.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn check(
        &self,
        subjects: &[Subject],
        now: DateTime<Utc>,
    ) -> Result<Result<bool, TooEarly>, StoreError> {
        let keys = subjects.iter().map(|subject| subject.key.as_str());
        let query = Query::select()
            .columns(["subject", "failures", "last_failure_ms"])
            .from(TABLE)
            .and_where(Expr::col("subject").is_in(keys))
            .to_owned();
        let failed: Vec<(String, i32, i64)> = self.store.fetch_all(&query).await?;
        let now = now.timestamp_millis();
        if failed.iter().any(|(.., last)| *last > now) {
            self.bring_back(subjects, now).await?;
        }
        let left = failed.iter().filter_map(|(key, failures, last)| {
            let subject = subjects.iter().find(|subject| subject.key == *key)?;
            // No failure was later than now, whatever the clock said that noted it.
            let last = std::cmp::min(*last, now);
            if now - last > MEMORY_MS {
                return None;
            }
            Some(last + subject.wait(failures.unsigned_abs()) * 1000 - now)
        });
        let left = left.max().unwrap_or(0);
        if left <= 0 {
            return Ok(Ok(!failed.is_empty()));
        }
        Ok(Err(TooEarly { seconds: left.unsigned_abs().div_ceil(1000) }))
    }

    /// Dates failures that a wrong clock has put in the future as of now, so that their wait ends.
    async fn bring_back(&self, subjects: &[Subject], now: i64) -> Result<(), StoreError> {
        let update = Query::update()
            .table(TABLE)
            .value("last_failure_ms", now)
            .and_where(Expr::col("subject").is_in(subjects.iter().map(|subject| subject.key.as_str())))
            .and_where(Expr::col("last_failure_ms").gt(now))
            .to_owned();
        self.store.execute(&update).await.map(drop)
    }

    /// Counts a failure of each subject.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn failed(&self, subjects: &[Subject], now: DateTime<Utc>) -> Result<(), StoreError> {
        let now = now.timestamp_millis();
        let failures = Expr::col((TABLE, "failures"));
        let is_forgotten = Expr::col((TABLE, "last_failure_ms")).lt(now - MEMORY_MS);
        let count = Expr::case(is_forgotten, 1).finally(failures.add(1));
        for subject in subjects {
            let mut insert = Insert::into(TABLE)
                .set("subject", subject.key.as_str())
                .set("failures", 1)
                .set("last_failure_ms", now)
                .statement();
            insert.on_conflict(
                OnConflict::column("subject")
                    .value("failures", count.clone())
                    .value("last_failure_ms", now)
                    .to_owned(),
            );
            self.store.execute(&insert).await?;
        }
        Ok(())
    }

    /// Forgets a subject's failures, after it has succeeded.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn succeeded(&self, subject: &Subject) -> Result<(), StoreError> {
        self.store.delete_where(TABLE, [Expr::col("subject").eq(subject.key.as_str())]).await.map(drop)
    }

    /// Sweeps counts that no longer matter, some at a time.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let is_over = Expr::col("last_failure_ms").lt(now.timestamp_millis() - MEMORY_MS);
        self.store.sweep_all(TABLE, "subject", &is_over, SWEPT_AT_ONCE).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_its_longest() {
        let account = Subject::account("eve");
        let waits: Vec<i64> = [0, 5, 6, 7, 8, 10, 11, 12, 200].map(|n| account.wait(n)).into();
        assert_eq!(waits, [0, 0, 1, 2, 4, 16, 30, 30, 30]);
        assert_eq!(Subject::address([127, 0, 0, 1].into()).wait(20), 0);
        assert_eq!(Subject::address([127, 0, 0, 1].into()).wait(90), 900);
    }

    #[test]
    fn an_account_is_one_however_it_is_spelt() {
        let key = |name: &str| Subject::account(name).key;
        let id = "0b5e1f0c-2d3a-4c5b-8e9f-00112233aabb";
        let spellings = [
            id.to_uppercase(),
            id.replace('-', ""),
            format!("{{{id}}}"),
            format!("urn:uuid:{id}"),
            format!(" {id} "),
        ];
        assert!(spellings.iter().all(|spelling| key(spelling) == key(id)));
        assert!(["EVE", " eve", "Eve "].into_iter().all(|spelling| key(spelling) == key("eve")));
        assert_ne!(key("eve"), key("eva"));
    }

    #[test]
    fn one_household_is_one_address() {
        let key = |text: &str| Subject::address(text.parse().unwrap()).key;
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("127.0.0.1"), key("127.0.0.2"));
        assert_eq!(key("::ffff:127.0.0.1"), key("127.0.0.1"));
        assert_ne!(Subject::account("127.0.0.1").key, key("127.0.0.1"));
    }
}
