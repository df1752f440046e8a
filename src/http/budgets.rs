//! Bounds on what all callers together, and each of them, may have of something dear at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::ServerSettings;
use crate::store::Id;

/// Downloads at a time: each has a compressor and some buffers, less than 1 MiB together.
const DOWNLOADS: Bounds = Bounds { all: 128, caller: 32 };
/// Bytes of large answers that wait to be taken.
const ANSWERS: Bounds = Bounds { all: 512 << 20, caller: 128 << 20 };

/// The budgets of a server.
#[derive(Debug)]
pub struct Budgets {
    /// Bytes of large request bodies, held until the answer.
    pub bodies: Budget,
    /// Bytes of large answers.
    pub answers: Budget,
    /// Streams from files.
    pub downloads: Budget,
}

impl Budgets {
    pub fn new(settings: &ServerSettings) -> Self {
        let largest = u64::from(settings.max_request_body_size_in_bytes.0);
        Self {
            bodies: Budget::new(Bounds { all: 2 * largest, caller: largest }),
            answers: Budget::new(ANSWERS),
            downloads: Budget::new(DOWNLOADS),
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

/// How much all and each may have.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    all: u64,
    caller: u64,
}

/// What is shared out. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
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
    fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared { bounds, taken: Mutex::default(), given_back: Notify::new() }))
    }

    /// A share, if there is one left. More than a holder may have counts as all of that.
    pub fn try_take(&self, holder: Holder, amount: u64) -> Option<Share> {
        let Bounds { all, caller } = self.0.bounds;
        let amount = amount.min(caller);
        let mut taken = self.taken();
        let of_holder = taken.by_holder.get(&holder).copied().unwrap_or_default();
        if taken.all + amount > all || of_holder + amount > caller {
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
        let budget = Budget::new(Bounds { all: 10, caller: 6 });
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
