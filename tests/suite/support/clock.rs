//! A clock that a test can move.

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use zendo::testing::Clock;

/// Runs with the machine's clock, ahead of it by what the test has moved it.
#[derive(Debug, Default)]
pub struct TestClock {
    shown: Mutex<Shown>,
}

#[derive(Debug, Clone, Copy)]
enum Shown {
    Ahead(TimeDelta),
    Held(DateTime<Utc>),
}

impl Default for Shown {
    fn default() -> Self {
        Self::Ahead(TimeDelta::zero())
    }
}

impl TestClock {
    pub fn advance(&self, seconds: i64) {
        let seconds = TimeDelta::seconds(seconds);
        match &mut *self.shown.lock().unwrap() {
            Shown::Ahead(ahead) => *ahead += seconds,
            Shown::Held(moment) => *moment += seconds,
        }
    }

    /// Only the test moves it from now on. For what is so for a second or two: a busy machine takes longer.
    pub fn hold(&self) {
        self.hold_with(self);
    }

    /// Shows what the other one shows now, and only the test moves it from now on.
    pub fn hold_with(&self, other: &Self) {
        let now = other.now();
        *self.shown.lock().unwrap() = Shown::Held(now);
    }

    /// Shows the machine's time.
    pub fn release(&self) {
        *self.shown.lock().unwrap() = Shown::default();
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        match *self.shown.lock().unwrap() {
            Shown::Ahead(ahead) => Utc::now() + ahead,
            Shown::Held(moment) => moment,
        }
    }
}
