//! Time as an argument, so that a test can move it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    fn now(&self) -> DateTime<Utc>;
}

pub(crate) type SharedClock = Arc<dyn Clock>;

/// Whether a moment is nearer than `life`. One that lies ahead a little is that of a request which began later and was
/// answered sooner; one farther ahead, which a clock that went back leaves, is over.
pub(crate) fn is_within(moment: DateTime<Utc>, life: TimeDelta, now: DateTime<Utc>) -> bool {
    (now - moment).abs() < life
}

/// The machine's clock.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
        Utc::now()
    }
}
