//! Steps of runs. A step that is tried again is several rows, numbered from 1.

mod answers;
mod artifacts;
mod create;
pub(crate) mod filters;
mod heartbeat;
mod prepared;
mod update;

use std::sync::Arc;

use axum::Json;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::try_join;

use self::create::create_step;
use self::heartbeat::note_heartbeat;
use self::update::update_step;
use super::logs::LogsRow;
use super::step_configuration::{Object, Substitutions};
use crate::accounts::users::UserResponse;
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::api::models::model_versions::{self, ModelVersionRow};
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::logs;
use crate::api::runs::pipeline_runs::get_step_logs;
use crate::api::server::tagging::TAGS;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{Answers, Context, Loader, Logged, Resource, Response, ResponseOf, Routes, get, list};
use crate::http::error::ApiResult;
use crate::http::path::PathId;
use crate::store::{Id, JsonText, Timestamp, Word, row};

pub(crate) use self::artifacts::StepInput;

pub(crate) const KIND: Kind = Kind::new("steps").in_project();
const STEPS: &str = "/api/v1/steps";
const STEP: &str = "/api/v1/steps/{step_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(STEPS, create_step)
        .also(&TAGS)
        .also(&logs::ATTACHED)
        .also(&model_versions::CONFIGURED)
        .get(STEPS, list::<StepRow>)
        .get(STEP, get::<StepRow>)
        .put(STEP, update_step)
        .replayed()
        .also(&logs::ATTACHED)
        .get("/api/v1/steps/{step_id}/status", get_step_status)
        .get("/api/v1/steps/{step_id}/step-configuration", get_step_configuration)
        .get("/api/v1/steps/{step_id}/logs", get_step_logs)
        .needs(logs::KIND.to(Verb::Read))
        .put("/api/v1/steps/{step_run_id}/heartbeat", note_heartbeat)
}

row! {
    pub struct StepRow in "step_run" {
        pub id: Id,
        pub name: String,
    }
    body StepColumns: in_project {
        pub status: Word<ExecutionStatus>,
        version: i32,
        pub is_retriable: bool,
        start_time: Option<Timestamp>,
        end_time: Option<Timestamp>,
        latest_heartbeat: Option<Timestamp>,
        heartbeat_threshold: Option<i32>,
        model_version_id: Option<Id>,
        resource_request_id: Option<Id>,
    }
    metadata StepReferences {
        cache_key: Option<String>,
        cache_expires_at: Option<Timestamp>,
        code_hash: Option<String>,
        pub snapshot_id: Option<Id>,
        pub pipeline_run_id: Id,
        original_step_run_id: Option<Id>,
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct StepBody {
    #[serde(flatten)]
    columns: StepColumns,
    r#type: Option<String>,
    substitutions: Substitutions,
}

#[derive(Debug, Serialize)]
pub(crate) struct StepMetadata {
    #[serde(flatten)]
    references: StepReferences,
    config: Object,
    spec: Option<Box<RawValue>>,
    docstring: Option<String>,
    source_code: Option<String>,
    exception_info: Option<JsonText>,
    parent_step_ids: Vec<Id>,
    run_metadata: Logged,
}

#[derive(Debug, Serialize)]
pub(crate) struct StepResources {
    user: Option<Arc<UserResponse>>,
    log_collection: Vec<Arc<ResponseOf<LogsRow>>>,
    model_version: Option<Arc<ResponseOf<ModelVersionRow>>>,
    inputs: IndexMap<String, Vec<StepInput>>,
    outputs: IndexMap<String, Vec<Arc<ResponseOf<ArtifactVersionRow>>>>,
    resource_request: Option<()>,
}

impl Resource for StepRow {
    const NAME: &'static str = "step run";
    type Body = StepBody;
    type Metadata = StepMetadata;
    type Resources = StepResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let (mut configurations, mut details, mut resources) = try_join!(
            answers::configurations(loader, &rows),
            answers::details(loader, &rows),
            answers::resources(loader, &rows),
        )?;
        let response = |row: Self| {
            let configuration = configurations.remove(&row.id);
            let (outline, whole) =
                configuration.map(|found| (found.outline, found.whole)).unwrap_or_default();
            let body = StepBody {
                columns: row.body,
                r#type: outline.step_type,
                substitutions: outline.substitutions,
            };
            let metadata = details.remove(&row.id).map(|details| details.metadata(row.metadata, whole));
            Response::named(row.id, row.name, body, metadata, resources.remove(&row.id))
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

async fn get_step_status(cx: Context, PathId(id): PathId) -> ApiResult<Json<Word<ExecutionStatus>>> {
    Ok(Json(cx.find::<StepRow>(id).await?.body.status))
}

async fn get_step_configuration(cx: Context, PathId(id): PathId) -> ApiResult<Json<Object>> {
    let Json(answer) = cx.answer::<StepRow>(id).await?;
    Ok(Json(answer.metadata.map(|metadata| metadata.config).unwrap_or_default()))
}
