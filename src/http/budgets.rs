//! Bounds on what all callers together, and each of them, may have of something dear at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::download::Downloads;
use crate::config::ServerSettings;
use crate::store::Id;

/// Downloads at a time, of all and of each: each has a compressor and some buffers, less than 1 MiB together.
const DOWNLOADS: (u64, u64) = (128, 32);
/// Requests to others at a time, of all and of each: who is asked may take long.
const CALLS: (u64, u64) = (64, 8);
/// Bytes of large answers that wait to be taken.
const ANSWERS: (u64, u64) = (512 << 20, 128 << 20);

/// The budgets of a server.
#[derive(Debug)]
pub struct Budgets {
    /// Bytes of large request bodies, held until the answer.
    pub bodies: Budget,
    /// Bytes of large answers.
    pub answers: Budget,
    /// Answers that are made from files.
    pub downloads: Downloads,
    /// Requests to others that a request waits for.
    pub calls: Budget,
}

impl Budgets {
    pub fn new(settings: &ServerSettings) -> Self {
        let largest = u64::from(settings.max_request_body_size_in_bytes.0);
        Self {
            bodies: Budget::new(2 * largest, largest),
            answers: Budget::new(ANSWERS.0, ANSWERS.1),
            downloads: Downloads::new(Budget::new(DOWNLOADS.0, DOWNLOADS.1)),
            calls: Budget::new(CALLS.0, CALLS.1),
        }
    }
}

/// Who has a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    Account(Id),
    /// Nobody known.
    Address(IpAddr),
}

/// What is shared out. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all: u64,
    each: u64,
    taken: Mutex<Taken>,
    given_back: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: u64,
    by_holder: HashMap<Holder, u64>,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    holder: Holder,
    amount: u64,
}

impl Budget {
    /// So much for all together, and for each.
    pub fn new(all: u64, each: u64) -> Self {
        Self(Arc::new(Shared { all, each, taken: Mutex::default(), given_back: Notify::new() }))
    }

    /// A share, if there is one left. More than a holder may have counts as all of that.
    pub fn try_take(&self, holder: Holder, amount: u64) -> Option<Share> {
        let (all, each) = (self.0.all, self.0.each);
        let amount = amount.min(each);
        let mut taken = self.taken();
        let of_holder = taken.by_holder.get(&holder).copied().unwrap_or_default();
        if taken.all + amount > all || of_holder + amount > each {
            return None;
        }
        taken.all += amount;
        taken.by_holder.insert(holder, of_holder + amount);
        Some(Share { budget: self.clone(), holder, amount })
    }

    /// Waits for a share.
    pub async fn take(&self, holder: Holder, amount: u64) -> Share {
        loop {
            let mut given_back = pin!(self.0.given_back.notified());
            given_back.as_mut().enable();
            if let Some(share) = self.try_take(holder, amount) {
                return share;
            }
            given_back.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.budget.taken();
        taken.all -= self.amount;
        if let Some(of_holder) = taken.by_holder.get_mut(&self.holder) {
            *of_holder -= self.amount;
            if *of_holder == 0 {
                taken.by_holder.remove(&self.holder);
            }
        }
        drop(taken);
        self.budget.0.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn holder(last: u8) -> Holder {
        Holder::Address(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn nobody_has_more_than_each_and_all_may_have() {
        let budget = Budget::new(10, 6);
        let first = budget.try_take(holder(1), 4).unwrap();
        assert!(budget.try_take(holder(1), 3).is_none(), "the holder's own bound");
        let second = budget.try_take(holder(2), 100).unwrap();
        assert!(budget.try_take(holder(3), 1).is_none(), "the bound of all");
        let mut waiting = Box::pin(budget.take(holder(3), 5));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.as_mut().now_or_never().is_none(), "4 are not enough");
        drop(second);
        drop(waiting.await);
        assert!(budget.taken().by_holder.is_empty() && budget.taken().all == 0);
    }
}
