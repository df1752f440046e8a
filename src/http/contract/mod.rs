//! ZenML's models, from its OpenAPI document, as what a body is checked against: what a client reads back as a model is
//! one when it is written.
//!
//! A body is read as pydantic reads it: numbers and flags in their loose spellings, what isn't known passed over, what
//! isn't sent filled in. What a caller may put anything into is kept as the text that was sent.

mod check;
mod legacy;
mod scalars;
mod schema;
mod sparse;

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::value::RawValue;

pub(crate) use check::{Fault, MOST_FAULTS};
pub(crate) use legacy::split_import_path;
pub(crate) use sparse::{as_object, fields, sparse};

use check::Check;
use schema::Model;

use super::openapi::CONTRACT;

/// A body that is one of the contract's models.
pub(crate) trait Modelled {
    /// The model's name in the contract.
    const MODEL: &'static str;
    /// Refuses more than the model does, which costs time and whose reasons have a place.
    fn faults(&self) -> Vec<Fault> {
        Vec::new()
    }
}

/// Bodies that are the contract's models: of the same names, or of others.
macro_rules! modelled {
    ($($body:ident $(as $model:ident)?),+ $(,)?) => {
        $(impl $crate::http::contract::Modelled for $body {
            const MODEL: &'static str = $crate::http::contract::modelled!(@$($model)? $body);
        })+
    };
    (@$model:ident $($body:ident)?) => {
        stringify!($model)
    };
}
pub(crate) use modelled;

/// A body that is one of several of the contract's models, told apart by its `type`.
pub(crate) trait Tagged: Sized {
    /// Each type, and the name of its model.
    const MODELS: &'static [(&'static str, &'static str)];
    /// Reads the body, which was checked as the model of that type.
    fn read(tag: &str, json: &str) -> serde_json::Result<Self>;
    /// As [`Modelled::faults`].
    fn faults(&self) -> Vec<Fault>;
}

/// Models that are asked for by name, most of them bodies; those that they refer to come with them.
const MODEL_NAMES: [&str; 34] = [
    "ArtifactVersionRequest",
    "CodeRepositoryRequest",
    "CodeRepositoryUpdate",
    "CuratedVisualizationRequest",
    "CuratedVisualizationUpdate",
    "DeploymentRequest",
    "DeploymentUpdate",
    "FlavorRequest",
    "FlavorUpdate",
    "HookInvocationRequest",
    "PipelineBuildRequest",
    "PipelineRunConfiguration",
    "PipelineRunRequest",
    "PipelineRunUpdate",
    "PipelineSnapshotRequest",
    "PipelineSnapshotUpdate",
    "PlatformEventTriggerRequest",
    "PlatformEventTriggerUpdate",
    "ResourceRequestRenewalRequest",
    "RunTemplateRequest",
    "RunTemplateUpdate",
    "ScheduleTriggerRequest",
    "ScheduleTriggerUpdate",
    "ServiceConnectorRequest",
    "ServiceConnectorUpdate",
    "ServiceRequest",
    "ServiceUpdate",
    "StepConfigurationUpdate",
    "StepRunRequest",
    "StepRunUpdate",
    "TagRequest",
    "TagUpdate",
    "WebhookTriggerRequest",
    "WebhookTriggerUpdate",
];

static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let read =
        CONTRACT.bytes().map_err(serde_json::Error::io).and_then(|text| Models::read(&text, &MODEL_NAMES));
    read.unwrap_or_else(|error| {
        tracing::error!(%error, "the contract can't be read, so no body fits it");
        Models::default()
    })
});

/// Compiled models, each once.
#[derive(Debug, Default)]
struct Models {
    models: Vec<Model>,
    by_name: HashMap<String, usize>,
}

/// Checks a body and writes it as the model would be: the body itself has what was sent and no more, the models within
/// it are whole.
///
/// # Errors
/// Everything that is wrong, up to a bound.
pub fn check(model: &str, body: &RawValue) -> Result<String, Vec<Fault>> {
    let Some(index) = MODELS.by_name.get(model) else {
        return Err(vec![Fault::new("value_error", "There is no such model")]);
    };
    let mut check = Check::new(&MODELS, body.get().len());
    check.body(&MODELS.models[*index], body);
    check.finish()
}

/// What a schema alone doesn't say of how its fields are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways<'a> {
    /// Fields whose models are kept whole, with what wasn't sent.
    pub whole: &'a [String],
    /// Fields of several kinds, of which the first counts that a value can be read as.
    pub left_to_right: &'a [String],
}

/// Reads a body by a JSON schema of its own: as it would be written again by whoever leaves out what wasn't sent.
///
/// # Errors
/// Everything that is wrong, up to a bound.
pub(crate) fn read_by(schema: &RawValue, body: &RawValue, ways: Ways<'_>) -> Result<String, Vec<Fault>> {
    let (models, root) = Models::of_schema(schema)
        .map_err(|error| vec![Fault::new("value_error", format!("the schema can't be read: {error}"))])?;
    let Some(root) = root else { return Ok(body.get().to_owned()) };
    let mut check = Check::new(&models, body.get().len());
    check.body_by(&models.models[root], body, ways);
    check.finish()
}

#[cfg(test)]
mod tests;
