//! How often a device asks whether somebody has approved it (RFC 8628, section 3.5).

use chrono::{DateTime, TimeDelta, Utc};

use crate::recent::Recent;
use crate::store::Id;

/// Clients whose last question is remembered.
const REMEMBERED_CLIENTS: usize = 10_000;

/// When each client last asked, in this process: the interval is a courtesy, and worth no write.
#[derive(Debug)]
pub struct DevicePolls {
    interval: TimeDelta,
    last: Recent<Id, DateTime<Utc>>,
}

impl DevicePolls {
    pub fn new(interval_seconds: u32) -> Self {
        let interval = TimeDelta::seconds(interval_seconds.into());
        Self { interval, last: Recent::new(REMEMBERED_CLIENTS) }
    }

    /// Notes a question; true when it came sooner after the one before than the interval says.
    pub fn is_too_soon(&self, client_id: Id, now: DateTime<Utc>) -> bool {
        let before = self.last.insert(client_id, now);
        // A moment to come is one of a clock that went back since.
        before.is_some_and(|before| before <= now && now - before < self.interval)
    }

    /// A new request may ask at once.
    pub fn forget(&self, client_id: Id) {
        self.last.forget(&client_id);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_client_may_ask_once_an_interval() {
        let polls = DevicePolls::new(5);
        let (one, other) = (Id(Uuid::from_u128(1)), Id(Uuid::from_u128(2)));
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        assert!(!polls.is_too_soon(one, at(0)));
        assert!(polls.is_too_soon(one, at(4)));
        assert!(!polls.is_too_soon(other, at(4)));
        assert!(!polls.is_too_soon(one, at(9)));
        polls.forget(one);
        assert!(!polls.is_too_soon(one, at(10)));
        assert!(!polls.is_too_soon(one, at(-3600)), "the clock went back");
    }
}
