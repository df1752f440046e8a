//! Randomness as an argument, so that a test can set it.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rand::Rng;
use uuid::Uuid;

use crate::store::Id;

/// Gives bytes that nobody can guess.
pub trait Randomness: Send + Sync + fmt::Debug {
    fn fill(&self, bytes: &mut [u8]);
}

pub(crate) type SharedRandomness = Arc<dyn Randomness>;

/// The thread's generator: ChaCha, seeded by the system and again now and then.
#[derive(Debug)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
        rand::rng().fill_bytes(bytes);
    }
}

impl dyn Randomness + '_ {
    /// A random UUID (RFC 9562, version 4).
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    pub fn id(&self) -> Id {
        Id(self.uuid())
    }

    /// A new row's id (RFC 9562, version 7): ids made later compare as greater, so that rows of one moment keep
    /// their order where moments are whole seconds.
    pub fn id_in_time(&self, now: DateTime<Utc>) -> Id {
        const MICROS: u32 = 1_000_000;
        let mut bytes = self.bytes::<10>();
        // The first 12 bits are the part of the millisecond that has passed (section 6.2, method 3).
        let part = (now.timestamp_subsec_nanos() % MICROS * 4) / 1000;
        let [high, low] = u16::try_from(part).unwrap_or_default().to_be_bytes();
        (bytes[0], bytes[1]) = (high, low);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        Id(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A text of `BYTES` random bytes in hexadecimal.
    pub fn hex<const BYTES: usize>(&self) -> String {
        hex::encode(self.bytes::<BYTES>())
    }

    /// A text of `BYTES` random bytes in base64url.
    pub fn text<const BYTES: usize>(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<BYTES>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_are_greater() {
        let start: DateTime<Utc> = "2026-01-01T12:00:00.999998Z".parse().unwrap();
        let id = |micros| {
            (&SystemRandomness as &dyn Randomness).id_in_time(start + chrono::TimeDelta::microseconds(micros))
        };
        let ids: Vec<Id> = (0..2000).map(id).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].0.get_version_num(), 7);
        let again: Vec<Id> = (0..100).map(|_| id(0)).collect();
        assert!(again.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
