//! So many in a minute, and no more.

use std::fmt::Debug;
use std::hash::Hash;

use chrono::{DateTime, TimeDelta, Utc};

use crate::recent::Recent;

const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// Whoever is remembered at most; one that is forgotten may begin anew.
const REMEMBERED: usize = 20_000;

/// How many whoever a key stands for may have in a minute, which begins with the first. Each replica counts for itself.
#[derive(Debug)]
pub(crate) struct Rate<K: Eq + Hash> {
    most: u32,
    taken: Recent<K, Taken>,
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

impl<K: Eq + Hash> Rate<K> {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, taken: Recent::new(REMEMBERED) }
    }

    /// # Errors
    /// When it is one too many.
    pub(crate) fn take(&self, key: K, now: DateTime<Utc>) -> Result<(), TooMany> {
        self.taken.with(key, || Taken { since: now, number: 0 }, |taken| taken.one_more(self.most, now))
    }
}

impl Taken {
    fn one_more(&mut self, most: u32, now: DateTime<Utc>) -> Result<(), TooMany> {
        let passed = now - self.since;
        // The clock may have gone back since.
        if passed >= MINUTE || passed < TimeDelta::zero() {
            *self = Self { since: now, number: 0 };
        }
        if self.number >= most {
            let left = (self.since + MINUTE - now).num_milliseconds().unsigned_abs();
            return Err(TooMany { seconds: left.div_ceil(1000).max(1) });
        }
        self.number += 1;
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

    #[test]
    fn whoever_comes_is_counted_however_many_others_do() {
        let rate = Rate::new(3);
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for number in 0..3 * REMEMBERED {
            assert_eq!(rate.take(number % REMEMBERED, now), Ok(()));
        }
        let eve = REMEMBERED;
        for _ in 0..3 {
            assert_eq!(rate.take(eve, now), Ok(()));
            for number in 0..REMEMBERED / 10 {
                assert!(rate.take(REMEMBERED - 1 - number, now).is_err(), "{number}");
            }
        }
        assert!(rate.take(eve, now).is_err());
    }
}
