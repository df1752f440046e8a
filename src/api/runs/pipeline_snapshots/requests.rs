//! What is sent of snapshots.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::runs::code_references::CodeReferenceRequest;
use crate::api::runs::step_configuration::{Object, StoredStep, object, value};
use crate::api::server::tagging::{TagReference, plain_tags};
use crate::http::contract::{Fault, Modelled};
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::{Counted, JsonObject, LongText, ShortText, at_most};
use crate::store::Id;

/// A name, or that there is to be none.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub(super) enum SnapshotName {
    Named(ShortText),
    None,
}

impl TryFrom<serde_json::Value> for SnapshotName {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        match value {
            serde_json::Value::Bool(false) => Ok(Self::None),
            serde_json::Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Self::None),
            serde_json::Value::String(name) if !name.is_empty() => ShortText::try_from(name).map(Self::Named),
            _ => Err("A name needs at least 1 character; false is none".to_owned()),
        }
    }
}

impl SnapshotName {
    pub(super) fn text(name: Option<&Self>) -> Option<&str> {
        match name {
            Some(Self::Named(name)) => Some(name.as_str()),
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct SnapshotRequest {
    pub project: Id,
    pub run_name_template: ShortText,
    pub pipeline_configuration: JsonObject,
    #[serde(default, deserialize_with = "at_most::<5000, _, _>")]
    pub step_configurations: IndexMap<String, StepRequest>,
    #[serde(default)]
    pub client_environment: JsonObject,
    pub client_version: Option<ShortText>,
    pub server_version: Option<ShortText>,
    pub pipeline_version_hash: Option<ShortText>,
    pub pipeline_spec: Option<JsonObject>,
    #[serde(default)]
    pub is_dynamic: bool,
    pub name: Option<SnapshotName>,
    pub description: Option<LongText>,
    pub source_code: Option<LongText>,
    #[serde(default)]
    pub replace: Option<bool>,
    #[serde(default, deserialize_with = "plain_tags")]
    pub tags: Vec<TagReference>,
    pub stack: Id,
    pub pipeline: Id,
    pub build: Option<Id>,
    pub schedule: Option<Id>,
    pub code_reference: Option<CodeReferenceRequest>,
    pub code_path: Option<ShortText>,
    pub template: Option<Id>,
    pub source_snapshot: Option<Id>,
}

impl Modelled for SnapshotRequest {
    const MODEL: &'static str = "PipelineSnapshotRequest";

    /// A pipeline's environment can be anything, but steps take it over, whose environment is of texts.
    fn faults(&self) -> Vec<Fault> {
        if self.step_configurations.is_empty() && !self.is_dynamic {
            return Vec::new();
        }
        let configuration = object(self.pipeline_configuration.as_str());
        let environment = value::<Object>(&configuration, "environment").unwrap_or_default();
        let handed_down = environment.iter().filter(|(_, json)| !json.get().starts_with(['"', 'n']));
        let fault = |(name, _): (&String, _)| {
            let place = ["pipeline_configuration", "environment", name.as_str()];
            Fault::under(&place, "string_type", "Input should be a valid string")
        };
        handed_down.map(fault).collect()
    }
}

/// A step, of which everything but the merged configuration is kept.
#[derive(Debug, Deserialize)]
pub(crate) struct StepRequest(Object);

impl StepRequest {
    /// The text that is kept: the configuration is made again from the pipeline's when it is read.
    ///
    /// # Errors
    /// 422 when the step doesn't say what it is.
    pub(crate) fn stored(&self, name: &str) -> ApiResult<String> {
        let mut kept: IndexMap<&str, &RawValue> =
            self.0.iter().map(|(key, value)| (key.as_str(), &**value)).collect();
        let merged = kept.shift_remove("config");
        // Older clients send the merged configuration alone.
        if let Some(merged) = merged.filter(|_| !kept.contains_key("step_config_overrides")) {
            kept.insert("step_config_overrides", merged);
        }
        let text = serde_json::to_string(&kept).unwrap_or_default();
        match serde_json::from_str::<StoredStep>(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(ApiError::invalid_request(format!("step_configurations.{name}: {error}"))),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct SnapshotUpdate {
    pub name: Option<SnapshotName>,
    pub description: Option<LongText>,
    #[serde(default)]
    pub replace: Option<bool>,
    #[serde(default, deserialize_with = "plain_tags")]
    pub add_tags: Vec<TagReference>,
    #[serde(default, deserialize_with = "plain_tags")]
    pub remove_tags: Vec<TagReference>,
}

impl Modelled for SnapshotUpdate {
    const MODEL: &'static str = "PipelineSnapshotUpdate";
}

/// Bytes of what all steps take over from the pipeline together, as answers repeat it.
const MOST_INHERITED: usize = 64 << 20;

impl SnapshotRequest {
    /// # Errors
    /// 422 for a snapshot whose answers would be too large.
    pub(super) fn check_size(&self) -> ApiResult<()> {
        let inherited = self.pipeline_configuration.as_str().len() * self.step_configurations.len();
        match inherited <= MOST_INHERITED {
            true => Ok(()),
            false => Err(ApiError::too_long("pipeline_configuration, in all steps", MOST_INHERITED, "bytes")),
        }
    }
}

impl Counted for StepRequest {
    fn number(&self) -> usize {
        1
    }
}
