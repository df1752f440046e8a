//! Older and shorter spellings of models, which ZenML reads too.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::scalars::Wrong;

/// A model's fields as they were sent.
pub(super) type Fields<'a> = IndexMap<String, Cow<'a, RawValue>>;

/// What is done to a model before it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Artifact,
    ArtifactConfiguration,
    CachePolicy,
    Model,
    Source,
    Step,
    StepSpec,
}

impl Before {
    pub(super) fn of(model: &str) -> Option<Self> {
        Some(match model {
            "ArtifactConfig" => Self::Artifact,
            "ArtifactConfiguration" | "PartialArtifactConfiguration" => Self::ArtifactConfiguration,
            "CachePolicy" => Self::CachePolicy,
            "Model" => Self::Model,
            "Source" => Self::Source,
            "Step" => Self::Step,
            "StepSpec" => Self::StepSpec,
            _ => return None,
        })
    }

    /// The model that a text stands for, where one does.
    pub(super) fn of_text(self, text: &str) -> Option<Result<Value, Wrong>> {
        let wrong = |message: &str| Err(("value_error", format!("Value error, {message}")));
        Some(match self {
            Self::Source if text.is_empty() => wrong("an import path is not empty"),
            Self::Source => {
                let (module, attribute) = split_import_path(text);
                Ok(json!({"module": module, "attribute": attribute, "type": "unknown"}))
            }
            Self::CachePolicy if text.eq_ignore_ascii_case("default") => Ok(json!({})),
            Self::CachePolicy => wrong("there is no cache policy of that name"),
            _ => return None,
        })
    }

    /// Brings the fields into today's form.
    pub(super) fn prepare(self, fields: &mut Fields<'_>) -> Result<(), Wrong> {
        match self {
            Self::Artifact => {
                let [is_model, is_deployment] = ["is_model_artifact", "is_deployment_artifact"]
                    .map(|flag| fields.shift_remove(flag).is_some_and(|json| is_truthy(&json)));
                let kind = match (is_model, is_deployment) {
                    (true, true) => {
                        let message = "Value error, an artifact is of a model or of a deployment";
                        return Err(("value_error", message.to_owned()));
                    }
                    (true, false) => "ModelArtifact",
                    (false, true) => "ServiceArtifact",
                    (false, false) => return Ok(()),
                };
                set_default(fields, "artifact_type", &json!(kind));
            }
            Self::ArtifactConfiguration => {
                let alone =
                    fields.get("materializer_source").filter(|json| json.get().starts_with(['"', '{']));
                if let Some(list) = alone.map(|json| format!("[{}]", json.get())) {
                    set(fields, "materializer_source", list);
                }
            }
            Self::Model => {
                let is_set = |name: &str| fields.get(name).is_some_and(|json| is_truthy(json));
                if is_set("model_version_id") && !is_set("suppress_class_validation_warnings") {
                    let message = "Value error, the id of a model's version is not for a request to say";
                    return Err(("value_error", message.to_owned()));
                }
                set(fields, "suppress_class_validation_warnings", "true".to_owned());
            }
            Self::Step => {
                if let Some(merged) = fields.get("config").cloned()
                    && !fields.contains_key("step_config_overrides")
                {
                    fields.insert("step_config_overrides".to_owned(), merged);
                }
            }
            Self::StepSpec => {
                if !fields.contains_key("invocation_id") {
                    let former = fields.shift_remove("pipeline_parameter_name");
                    let id = former.map_or_else(|| "\"\"".to_owned(), |json| json.get().to_owned());
                    set(fields, "invocation_id", id);
                }
            }
            Self::CachePolicy | Self::Source => {}
        }
        Ok(())
    }
}

/// `package.module.attribute`; what follows an `@` is a version, which no longer counts.
pub(crate) fn split_import_path(path: &str) -> (&str, Option<&str>) {
    let path = path.split_once('@').map_or(path, |(path, _)| path);
    match path.rsplit_once('.') {
        Some((module, attribute)) => (module, Some(attribute)),
        None => (path, None),
    }
}

fn set_default(fields: &mut Fields<'_>, name: &str, value: &Value) {
    if !fields.contains_key(name) {
        set(fields, name, value.to_string());
    }
}

fn set(fields: &mut Fields<'_>, name: &str, json: String) {
    if let Ok(json) = RawValue::from_string(json) {
        fields.insert(name.to_owned(), Cow::Owned(json));
    }
}

/// Whether Python takes it for a yes.
fn is_truthy(json: &RawValue) -> bool {
    !matches!(json.get(), "null" | "false" | "0" | "\"\"" | "[]" | "{}")
}
