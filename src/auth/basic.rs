//! Names and passwords that came with requests and were right, for the HTTP_BASIC scheme.

use std::fmt;
use std::time::Duration;

use hmac::Mac;
use secrecy::{ExposeSecret, SecretString};

use super::csrf;
use crate::env::random::Randomness;
use crate::store::{Id, Timestamp};

/// For so long a credential that was right is not checked with bcrypt again, unless its password was changed.
const LIFE: Duration = Duration::from_mins(1);
const REMEMBERED: u64 = 10_000;

/// Remembers a keyed digest of credentials that were right.
pub struct BasicCredentials {
    key: [u8; 32],
    right: moka::sync::Cache<[u8; 32], Proven>,
}

/// Whose credential it was, and since when its password stood.
#[derive(Debug, Clone, Copy)]
pub struct Proven {
    pub user_id: Id,
    pub password_changed_at: Option<Timestamp>,
}

/// The key is a secret, and the digests are as good as the passwords to whoever has it.
impl fmt::Debug for BasicCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BasicCredentials").finish_non_exhaustive()
    }
}

impl BasicCredentials {
    pub fn new(random: &dyn Randomness) -> Self {
        let right = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(LIFE).build();
        Self { key: random.bytes(), right }
    }

    /// Whose credential it is, if it was right lately.
    pub fn find(&self, username: &str, password: &SecretString) -> Option<Proven> {
        self.right.get(&self.digest(username, password))
    }

    /// Remembers a credential that is right.
    pub fn note(&self, username: &str, password: &SecretString, proven: Proven) {
        self.right.insert(self.digest(username, password), proven);
    }

    fn digest(&self, username: &str, password: &SecretString) -> [u8; 32] {
        let mut mac = csrf::hmac(&self.key);
        mac.update(username.as_bytes());
        mac.update(&[0]);
        mac.update(password.expose_secret().as_bytes());
        mac.finalize().into_bytes().into()
    }
}
