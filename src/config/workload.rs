//! `ZENML_WORKLOAD_*`: how tokens follow the runs they are bound to.

use serde::Deserialize;

use super::value::{Setting, setting};

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct WorkloadSettings {
    /// Seconds that a finished run's tokens go on; negative for ever.
    #[serde(deserialize_with = "setting")]
    pub token_expiration_leeway: WholeNumber,
}

impl Default for WorkloadSettings {
    fn default() -> Self {
        Self { token_expiration_leeway: WholeNumber(3600) }
    }
}

impl WorkloadSettings {
    pub fn leeway(&self) -> Leeway {
        match u32::try_from(self.token_expiration_leeway.0) {
            Ok(seconds) => Leeway::Seconds(seconds),
            Err(_) => Leeway::Forever,
        }
    }
}

/// How long a finished run's tokens go on, so that its other steps can end well
/// (`ZENML_WORKLOAD_TOKEN_EXPIRATION_LEEWAY`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leeway {
    Forever,
    Seconds(u32),
}

/// A whole number, which may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeNumber(pub i32);

impl Setting for WholeNumber {
    const ACCEPTED: &'static str = "a whole number of seconds; a negative one for ever";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}
