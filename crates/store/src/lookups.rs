//! Whether tables that help to find rows of others are known to miss none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks through all rows, at least.
const SOON: Duration = Duration::from_secs(5);
/// After a look there is a rest of so many times as long: it takes no more than a small part of a core.
const REST: u32 = 100;
/// But of no more than this for each row, which takes a hundredth of it: where a look was slow because others kept the
/// machine busy, the next one need not wait for that.
const REST_FOR_A_ROW: Duration = Duration::from_millis(2);

/// Of one process: it can't tell who else writes.
#[derive(Debug, Default)]
pub struct Lookups {
    are_complete: AtomicBool,
    next: Mutex<Option<Instant>>,
}

/// One look through all rows.
#[derive(Debug)]
pub struct Round(Instant);

impl Lookups {
    /// Whether all rows are found by them, but for those that others wrote since the last round.
    pub fn find_all(&self) -> bool {
        self.are_complete.load(Ordering::Acquire)
    }

    /// The next round, if it is time for it.
    pub fn due(&self) -> Option<Round> {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        next.is_none_or(|next| next <= now).then_some(Round(now))
    }

    /// After a whole round, which has looked at so many rows at most.
    pub fn are_complete(&self, Round(began): Round, rows: u64) {
        let for_rows = REST_FOR_A_ROW.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX));
        let rest = SOON.max(began.elapsed().saturating_mul(REST).min(for_rows));
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now().checked_add(rest);
        self.are_complete.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_was_held_up_is_soon_made_again() {
        let lookups = Lookups::default();
        let began = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
        lookups.are_complete(Round(began), 10_000);
        let next = lookups.next.lock().unwrap().unwrap();
        assert!(next <= Instant::now() + Duration::from_secs(20));
    }
}
