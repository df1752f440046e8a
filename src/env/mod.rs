//! What the outside brings: time, randomness, and the cost of a password. Arguments, so that a test can set them.

pub(crate) mod clock;
pub(crate) mod random;

use std::sync::Arc;

use clock::{SharedClock, SystemClock};
use random::{SharedRandomness, SystemRandomness};

/// bcrypt's work factor, as in ZenML.
pub(crate) const PASSWORD_COST: u32 = 12;

/// What the outside brings.
#[derive(Debug, Clone)]
pub struct Environment {
    pub clock: SharedClock,
    pub random: SharedRandomness,
    /// bcrypt's work factor for new passwords.
    pub password_cost: u32,
}

impl Environment {
    /// The machine's clock and generator, at ZenML's cost of a password.
    pub fn of_the_machine() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandomness),
            password_cost: PASSWORD_COST,
        }
    }
}
