//! Randomness as an argument, so that a test can set it.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use uuid::Uuid;

use crate::store::Id;

/// Gives bytes that nobody can guess.
pub trait Randomness: Send + Sync + fmt::Debug {
    fn fill(&self, bytes: &mut [u8]);
}

pub type SharedRandomness = Arc<dyn Randomness>;

/// The thread's generator: ChaCha, seeded by the system and again now and then.
#[derive(Debug)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) {
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

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A text of `BYTES` random bytes in hexadecimal.
    pub fn hex<const BYTES: usize>(&self) -> String {
        self.bytes::<BYTES>().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A text of `BYTES` random bytes in base64url.
    pub fn text<const BYTES: usize>(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<BYTES>())
    }
}
