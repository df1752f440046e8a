//! How far a run or a step has come (contract schema ExecutionStatus).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::http::lax;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionStatus {
    Initializing,
    Provisioning,
    Queued,
    Running,
    Failed,
    Completed,
    Cached,
    Skipped,
    /// A step that failed and may be tried again.
    Retrying,
    /// A step whose next try has begun.
    Retried,
    Cancelling,
    Cancelled,
    Paused,
    Resuming,
    Stopped,
    Stopping,
}

impl ExecutionStatus {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Initializing, "initializing"),
        (Self::Provisioning, "provisioning"),
        (Self::Queued, "queued"),
        (Self::Running, "running"),
        (Self::Failed, "failed"),
        (Self::Completed, "completed"),
        (Self::Cached, "cached"),
        (Self::Skipped, "skipped"),
        (Self::Retrying, "retrying"),
        (Self::Retried, "retried"),
        (Self::Cancelling, "cancelling"),
        (Self::Cancelled, "cancelled"),
        (Self::Paused, "paused"),
        (Self::Resuming, "resuming"),
        (Self::Stopped, "stopped"),
        (Self::Stopping, "stopping"),
    ];

    /// The word in the store.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(status, _)| *status == self).map_or("failed", |(_, word)| word)
    }

    pub fn read(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(status, _)| *status)
    }

    pub fn is_finished(self) -> bool {
        self.is_successful() || self.is_failed() || matches!(self, Self::Retried | Self::Stopped)
    }

    pub fn is_successful(self) -> bool {
        matches!(self, Self::Completed | Self::Cached | Self::Skipped)
    }

    pub fn is_failed(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled)
    }
}

/// What made a run or a step fail (contract schema ExceptionInfo).
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Box<RawValue>")]
pub struct ExceptionInfo(Box<RawValue>);

impl TryFrom<Box<RawValue>> for ExceptionInfo {
    type Error = serde_json::Error;

    fn try_from(json: Box<RawValue>) -> Result<Self, Self::Error> {
        #[derive(Serialize, Deserialize)]
        struct Known {
            traceback: String,
            source: Option<String>,
            message: Option<String>,
            user_code_line: Option<i64>,
        }
        serde_json::value::to_raw_value(&lax::from_str::<Known>(json.get())?).map(Self)
    }
}

impl ExceptionInfo {
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_the_one_of_the_api() {
        for (status, word) in ExecutionStatus::WORDS {
            assert_eq!(serde_json::to_value(status).unwrap(), *word);
            assert_eq!(ExecutionStatus::read(word), Some(*status));
            assert_eq!(status.word(), *word);
        }
    }
}
