//! ZenML's own limit on sign-ins, for operators who set `ZENML_SERVER_RATE_LIMIT_ENABLED`: so many requests of an
//! address in a minute and in a day, forgotten when one succeeds. Kept in memory, by each replica, as in ZenML;
//! the [`Throttle`](crate::auth::Throttle) is what protects by default.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;

use chrono::{DateTime, Utc};

use crate::config::ServerSettings;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * 60;
/// Addresses that are remembered at most; beyond that the limit starts again for all.
const REMEMBERED: usize = 100_000;

/// Which limit was met, and the seconds until a place is free.
#[derive(Debug, PartialEq)]
pub struct LimitMet {
    pub message: &'static str,
    pub seconds: u64,
}

/// Counts sign-ins by address.
#[derive(Debug)]
pub struct LoginLimit {
    /// None for no limit.
    per_minute: Option<usize>,
    per_day: Option<usize>,
    /// Moments of the requests, in seconds since 1970.
    requests: Mutex<HashMap<IpAddr, VecDeque<i64>>>,
}

impl LoginLimit {
    pub fn new(settings: &ServerSettings) -> Self {
        let limit = |count: u32| {
            usize::try_from(count).ok().filter(|count| settings.rate_limit_enabled.0 && *count > 0)
        };
        Self {
            per_minute: limit(settings.login_rate_limit_minute.0),
            per_day: limit(settings.login_rate_limit_day.0),
            requests: Mutex::default(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// [`LimitMet`] when it is one too many.
    pub fn hit(&self, address: IpAddr, now: DateTime<Utc>) -> Result<(), LimitMet> {
        if self.per_minute.is_none() && self.per_day.is_none() {
            return Ok(());
        }
        let now = now.timestamp();
        let mut requests = self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if requests.len() >= REMEMBERED {
            requests.clear();
        }
        let of_address = requests.entry(address).or_default();
        while of_address.front().is_some_and(|first| *first < now - DAY) {
            of_address.pop_front();
        }
        // The clock may have gone back since.
        of_address.iter_mut().filter(|moment| **moment > now).for_each(|moment| *moment = now);
        of_address.push_back(now);
        let of_day = of_address.len();
        let of_minute = of_address.iter().rev().take_while(|moment| **moment >= now - MINUTE).count();
        if self.per_day.is_some_and(|limit| of_day > limit) {
            // What was refused needs no more place than what was taken.
            of_address.pop_back();
            return Err(LimitMet { message: "Daily request limit exceeded.", seconds: DAY.unsigned_abs() });
        }
        if self.per_minute.is_some_and(|limit| of_minute > limit) {
            return Err(LimitMet {
                message: "Minute request limit exceeded.",
                seconds: MINUTE.unsigned_abs(),
            });
        }
        Ok(())
    }

    /// Forgets an address that has signed in.
    pub fn reset(&self, address: IpAddr) {
        let mut requests = self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        requests.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AtLeast, Flag};

    fn limit(enabled: bool, per_minute: u32, per_day: u32) -> LoginLimit {
        LoginLimit::new(&ServerSettings {
            rate_limit_enabled: Flag(enabled),
            login_rate_limit_minute: AtLeast(per_minute),
            login_rate_limit_day: AtLeast(per_day),
            ..ServerSettings::default()
        })
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn one_too_many_is_refused_until_the_window_has_passed() {
        let (eve, bob) = (IpAddr::from([1, 1, 1, 1]), IpAddr::from([2, 2, 2, 2]));
        let limit = limit(true, 2, 3);
        assert_eq!(limit.hit(eve, at(0)), Ok(()));
        assert_eq!(limit.hit(eve, at(1)), Ok(()));
        assert_eq!(limit.hit(eve, at(2)).unwrap_err().message, "Minute request limit exceeded.");
        assert_eq!(limit.hit(bob, at(2)), Ok(()));
        assert_eq!(limit.hit(eve, at(100)).unwrap_err().message, "Daily request limit exceeded.");
        assert_eq!(limit.hit(eve, at(DAY + 50)), Ok(()));
        let ahead = LoginLimit { requests: limit.requests, per_minute: Some(2), per_day: None };
        let carol = IpAddr::from([3, 3, 3, 3]);
        assert_eq!(ahead.hit(carol, at(DAY)), Ok(()));
        assert!(ahead.hit(carol, at(10)).is_ok() && ahead.hit(carol, at(11)).is_err(), "the clock went back");
        assert_eq!(ahead.hit(carol, at(80)), Ok(()));
        let limit = LoginLimit { per_day: Some(3), ..ahead };
        limit.reset(bob);
        assert_eq!((limit.hit(bob, at(3)), limit.hit(bob, at(3))), (Ok(()), Ok(())));
    }

    #[test]
    fn without_the_setting_there_is_no_limit() {
        let limit = limit(false, 1, 1);
        assert!((0..100).all(|_| limit.hit([1, 1, 1, 1].into(), at(0)).is_ok()));
    }
}
