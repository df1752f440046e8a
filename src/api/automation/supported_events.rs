//! The events of this server's own that a trigger can wait for.

use axum::Json;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::auth::kind::Kind;
use crate::framework::Routes;
use crate::http::error::ApiResult;
use crate::http::query::QueryParams;

pub(crate) fn routes() -> Routes {
    Routes::of(Kind::new("supported-events")).get("/api/v1/supported-events", list_supported_events).open()
}

/// What an event happens to (contract schema SourceType).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, EnumString, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum SourceType {
    Pipeline,
    PipelineRun,
    PipelineSnapshot,
}

/// An event, and when it happens.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct SupportedEvent {
    pub value: &'static str,
    description: &'static str,
}

const fn event(value: &'static str, description: &'static str) -> SupportedEvent {
    SupportedEvent { value, description }
}

const OF_PIPELINES: &[SupportedEvent] = &[
    event("run_completed", "One of the pipeline's runs has completed."),
    event("run_failed", "One of the pipeline's runs has failed."),
];
const OF_RUNS: &[SupportedEvent] =
    &[event("completed", "The run has completed."), event("failed", "The run has failed.")];
const OF_SNAPSHOTS: &[SupportedEvent] = &[
    event("run_completed", "A run of the snapshot has completed."),
    event("run_failed", "A run of the snapshot has failed."),
];

impl SourceType {
    pub(crate) fn events(self) -> &'static [SupportedEvent] {
        match self {
            Self::Pipeline => OF_PIPELINES,
            Self::PipelineRun => OF_RUNS,
            Self::PipelineSnapshot => OF_SNAPSHOTS,
        }
    }
}

/// The events of one kind of source.
async fn list_supported_events(mut query: QueryParams) -> ApiResult<Json<&'static [SupportedEvent]>> {
    let is_said = query.required("source_type").is_some();
    let sources = [SourceType::Pipeline, SourceType::PipelineRun, SourceType::PipelineSnapshot];
    let choices = sources.map(|source| (<&str>::from(source), source));
    let source = if is_said { query.choice("source_type", &choices) } else { None };
    query.finish()?;
    Ok(Json(source.map_or(&[], SourceType::events)))
}
