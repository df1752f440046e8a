//! Steps of runs. A step that is tried again is several rows, numbered from 1.

mod answers;
mod artifacts;
mod create;
mod fields;
mod routes;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::RawValue;

use super::logs::LogsRow;
use super::step_configuration::{Object, Outline, Substitutions};
use crate::accounts::users::UserResponse;
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::api::models::model_versions::ModelVersionRow;
use crate::auth::kind::Kind;
use crate::framework::{Read, Resource, Response, ResponseOf};
use crate::http::error::ApiResult;
use crate::row;
use crate::store::{Id, JsonText, Timestamp};

pub use self::artifacts::StepInput;
pub use self::routes::routes;

pub const KIND: Kind = Kind::new("steps").in_project();

row! {
    pub struct StepRow in "step_run" {
        pub id: Id,
        created: Timestamp,
        updated: Timestamp,
        pub name: String,
        start_time: Option<Timestamp>,
        end_time: Option<Timestamp>,
        latest_heartbeat: Option<Timestamp>,
        pub status: String,
        cache_key: Option<String>,
        cache_expires_at: Option<Timestamp>,
        code_hash: Option<String>,
        version: i32,
        is_retriable: bool,
        heartbeat_threshold: Option<i32>,
        original_step_run_id: Option<Id>,
        pub snapshot_id: Option<Id>,
        pub pipeline_run_id: Id,
        user_id: Option<Id>,
        pub project_id: Id,
        model_version_id: Option<Id>,
        resource_request_id: Option<Id>,
    }
}

#[derive(Debug, Serialize)]
pub struct StepBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    r#type: Option<String>,
    status: String,
    version: i32,
    is_retriable: bool,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    latest_heartbeat: Option<Timestamp>,
    model_version_id: Option<Id>,
    resource_request_id: Option<Id>,
    substitutions: Substitutions,
    heartbeat_threshold: Option<i32>,
}

#[derive(Debug, Serialize)]
pub struct StepMetadata {
    config: Object,
    spec: Option<Box<RawValue>>,
    cache_key: Option<String>,
    cache_expires_at: Option<Timestamp>,
    code_hash: Option<String>,
    docstring: Option<String>,
    source_code: Option<String>,
    exception_info: Option<JsonText>,
    snapshot_id: Option<Id>,
    pipeline_run_id: Id,
    original_step_run_id: Option<Id>,
    parent_step_ids: Vec<Id>,
    run_metadata: BTreeMap<String, Arc<RawValue>>,
}

#[derive(Debug, Serialize)]
pub struct StepResources {
    user: Option<Arc<UserResponse>>,
    log_collection: Vec<Arc<ResponseOf<LogsRow>>>,
    model_version: Option<Arc<ResponseOf<ModelVersionRow>>>,
    inputs: IndexMap<String, Vec<StepInput>>,
    outputs: IndexMap<String, Vec<Arc<ResponseOf<ArtifactVersionRow>>>>,
    resource_request: Option<()>,
}

impl Resource for StepRow {
    const NAME: &'static str = "step run";
    const IN_PROJECT: bool = true;
    type Body = StepBody;
    type Metadata = StepMetadata;
    type Resources = StepResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let mut configurations = answers::configurations(read, &rows).await?;
        let mut details = answers::details(read, &rows).await?;
        let mut resources = answers::resources(read, &rows).await?;
        let response = |row: Self| {
            let configuration = configurations.remove(&row.id);
            let (outline, whole) =
                configuration.map(|found| (found.outline, found.whole)).unwrap_or_default();
            let body = body(&row, outline);
            let metadata = details.remove(&row.id).map(|details| details.metadata(&row, whole));
            Response::named(row.id, row.name, body, metadata, resources.remove(&row.id))
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

fn body(row: &StepRow, outline: Outline) -> StepBody {
    StepBody {
        created: row.created,
        updated: row.updated,
        user_id: row.user_id,
        project_id: row.project_id,
        r#type: outline.step_type,
        status: row.status.clone(),
        version: row.version,
        is_retriable: row.is_retriable,
        start_time: row.start_time,
        end_time: row.end_time,
        latest_heartbeat: row.latest_heartbeat,
        model_version_id: row.model_version_id,
        resource_request_id: row.resource_request_id,
        substitutions: outline.substitutions,
        heartbeat_threshold: row.heartbeat_threshold,
    }
}
