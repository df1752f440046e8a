//! How far a run or a step has come (contract schema ExecutionStatus).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::http::lax;
use crate::store::text_value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
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

text_value!(ExceptionInfo, |info: ExceptionInfo| Box::<str>::from(info.0).into());

#[cfg(test)]
mod tests {
    use strum::VariantNames;

    use super::*;
    use crate::store::Words;

    #[test]
    fn each_word_is_the_one_of_the_api() {
        for word in ExecutionStatus::VARIANTS {
            let status: ExecutionStatus = serde_json::from_value((*word).into()).unwrap();
            assert_eq!(word.parse(), Ok(status));
            assert_eq!(status.as_str(), *word);
        }
    }
}
