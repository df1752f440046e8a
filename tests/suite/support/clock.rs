//! A clock that a test can move.

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use zendo::testing::Clock;

/// Runs with the machine's clock, ahead of it by what the test has moved it.
#[derive(Debug, Default)]
pub struct TestClock {
    ahead: Mutex<TimeDelta>,
}

impl TestClock {
    pub fn advance(&self, seconds: i64) {
        *self.ahead.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + *self.ahead.lock().unwrap()
    }
}
