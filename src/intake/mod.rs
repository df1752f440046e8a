//! Deliveries to webhooks: who has signed one, what it says of itself, how many there may be, and what is known of those
//! that came.

mod counts;
mod deliveries;
mod provider;
mod rate;

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::auth::throttle::network;
use crate::config::ZendoSettings;
use crate::store::Id;

pub(crate) use self::counts::{Counts, Outcome, Stats};
pub(crate) use self::deliveries::{is_first, sweep};
pub(crate) use self::provider::{Answer, Delivery, Provider};
pub(crate) use self::rate::{Rate, TooMany};

/// An address may bring to all webhooks together so many times what it may bring to one: providers send everything from a
/// few.
const WEBHOOKS_OF_AN_ADDRESS: u32 = 10;

/// What a server keeps in memory of the deliveries that come to it.
#[derive(Debug)]
pub struct Intake {
    to_one: Rate<(Id, String)>,
    to_any: Rate<String>,
    pub(crate) counts: Counts,
}

impl Intake {
    pub fn new(settings: &ZendoSettings) -> Self {
        let most = settings.webhook_rate.0;
        Self {
            to_one: Rate::new(most),
            to_any: Rate::new(most.saturating_mul(WEBHOOKS_OF_AN_ADDRESS)),
            counts: Counts::default(),
        }
    }

    /// Counts a delivery before anything is asked or read for it.
    ///
    /// # Errors
    /// When it is one too many of its address.
    pub(crate) fn admit(&self, webhook: Id, address: IpAddr, now: DateTime<Utc>) -> Result<(), TooMany> {
        let address = network(address);
        self.to_any.take(address.clone(), now)?;
        self.to_one.take((webhook, address), now)
    }
}
