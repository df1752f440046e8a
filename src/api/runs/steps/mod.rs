//! Steps of runs. A step that is tried again is several rows, numbered from 1.

mod answers;
mod artifacts;
mod create;
pub(crate) mod filters;
mod routes;
mod update;

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::RawValue;

use super::execution_status::ExecutionStatus;
use super::logs::LogsRow;
use super::step_configuration::{Object, Substitutions};
use crate::accounts::users::UserResponse;
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::api::models::model_versions::ModelVersionRow;
use crate::auth::kind::Kind;
use crate::framework::{Loader, Logged, Resource, Response, ResponseOf};
use crate::http::error::ApiResult;
use crate::store::{Id, JsonText, Timestamp, Word, row};

pub(crate) use self::artifacts::StepInput;
pub(crate) use self::routes::routes;

pub(crate) const KIND: Kind = Kind::new("steps").in_project();

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
    const IN_PROJECT: bool = true;
    type Body = StepBody;
    type Metadata = StepMetadata;
    type Resources = StepResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let mut configurations = answers::configurations(loader, &rows).await?;
        let mut details = answers::details(loader, &rows).await?;
        let mut resources = answers::resources(loader, &rows).await?;
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
