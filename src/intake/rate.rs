//! So many in a minute, and no more.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// Whoever is remembered at most; one that is forgotten may begin anew.
const REMEMBERED: u64 = 20_000;

/// How many whoever a key stands for may have in a minute, which begins with the first. Each replica counts for itself.
#[derive(Debug)]
pub(crate) struct Rate<K: Eq + Hash + Send + Sync + 'static> {
    most: u32,
    taken: moka::sync::Cache<K, Arc<Mutex<Taken>>>,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    since: DateTime<Utc>,
    number: u32,
}

/// One too many: so many seconds are left of the minute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub seconds: u64,
}

impl<K: Eq + Hash + Send + Sync + 'static> Rate<K> {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, taken: moka::sync::Cache::new(REMEMBERED) }
    }

    /// # Errors
    /// When it is one too many.
    pub(crate) fn take(&self, key: K, now: DateTime<Utc>) -> Result<(), TooMany> {
        let taken = self.taken.get_with(key, || Arc::new(Mutex::new(Taken { since: now, number: 0 })));
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now - taken.since;
        // The clock may have gone back since.
        if passed >= MINUTE || passed < TimeDelta::zero() {
            *taken = Taken { since: now, number: 0 };
        }
        if taken.number >= self.most {
            let left = (taken.since + MINUTE - now).num_milliseconds().unsigned_abs();
            return Err(TooMany { seconds: left.div_ceil(1000).max(1) });
        }
        taken.number += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_waits_for_the_next_minute() {
        let rate = Rate::new(2);
        let at = |millis: i64| DateTime::from_timestamp_millis(1_800_000_000_000 + millis).unwrap();
        assert_eq!([0, 10].map(|millis| rate.take("eve", at(millis))), [Ok(()), Ok(())]);
        assert_eq!(rate.take("eve", at(20)), Err(TooMany { seconds: 60 }));
        assert_eq!(rate.take("eve", at(59_999)), Err(TooMany { seconds: 1 }));
        assert_eq!(rate.take("bob", at(20)), Ok(()));
        assert_eq!(rate.take("eve", at(60_000)), Ok(()));
        assert_eq!(rate.take("eve", at(-5)), Ok(()), "the clock went back");
    }
}
