//! Logs: where the log of a run, a step or a hook is.

mod entries;
mod requests;

use std::sync::Arc;

use axum::Json;
use serde::Serialize;

use crate::accounts::users::UserResponse;
use crate::auth::kind::Kind;
use crate::framework::routes::Routes;
use crate::framework::{Context, Read, Resource, Response, ResponseOf};
use crate::http::error::{ApiError, ApiResult};
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::path::PathId;
use crate::http::query::Query;
use crate::row;
use crate::store::{Id, Timestamp};

pub use self::entries::entries;
pub use self::requests::{
    ATTACHED, LogsOwner, LogsReference, LogsRequest, UPDATE, assign, attach, checked, insert,
};

pub const KIND: Kind = Kind::new("logs").in_project();
const LOGS: &str = "/api/v1/logs";
const LOG: &str = "/api/v1/logs/{logs_id}";

pub fn routes() -> Routes {
    Routes::of(KIND)
        .post(LOGS, requests::create_logs)
        .get(LOG, get_logs)
        .put(LOG, requests::update_logs)
        .get("/api/v1/logs/{logs_id}/entries", entries::list_entries)
}

/// A log that is a run's, a step's or a hook's; nobody may read others.
async fn get_logs(cx: Context, PathId(id): PathId, mut query: Query) -> ApiResult<Json<ResponseOf<LogsRow>>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    cx.find::<LogsRow>(id).await?.refuse_unowned()?;
    cx.answer_with::<LogsRow>(id, hydrate).await.map(Json)
}

impl LogsRow {
    fn refuse_unowned(&self) -> ApiResult<()> {
        if self.pipeline_run_id.or(self.step_run_id).or(self.hook_invocation_id).is_some() {
            return Ok(());
        }
        let message = "The logs are not of any pipeline run, step run or hook yet.";
        Err(ApiError::illegal(message))
    }
}

row! {
    pub struct LogsRow in "logs" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub uri: Option<String>,
        pub source: String,
        pub project_id: Id,
        pub user_id: Option<Id>,
        pub pipeline_run_id: Option<Id>,
        pub step_run_id: Option<Id>,
        pub artifact_store_id: Option<Id>,
        pub log_store_id: Option<Id>,
        pub hook_invocation_id: Option<Id>,
    }
}

/// No list of them is part of the contract.
impl Listed for LogsRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: &'static [Field] = &[];
}

#[derive(Debug, Serialize)]
pub struct LogsBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    uri: Option<String>,
    source: String,
    step_run_id: Option<Id>,
    pipeline_run_id: Option<Id>,
    artifact_store_id: Option<Id>,
    log_store_id: Option<Id>,
    hook_invocation_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub struct LogsMetadata {
    step_run_id: Option<Id>,
    pipeline_run_id: Option<Id>,
    artifact_store_id: Option<Id>,
    log_store_id: Option<Id>,
    hook_invocation_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub struct LogsResources {
    user: Option<Arc<UserResponse>>,
}

impl Resource for LogsRow {
    const NAME: &'static str = "logs";
    type Body = LogsBody;
    type Metadata = LogsMetadata;
    type Resources = LogsResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let response = |row: Self| {
            let Self {
                step_run_id,
                pipeline_run_id,
                artifact_store_id,
                log_store_id,
                hook_invocation_id,
                ..
            } = row;
            let metadata = read.metadata(|| LogsMetadata {
                step_run_id,
                pipeline_run_id,
                artifact_store_id,
                log_store_id,
                hook_invocation_id,
            });
            let resources =
                read.resources(|| LogsResources { user: row.user_id.and_then(|id| users.get(&id).cloned()) });
            let body = LogsBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                project_id: row.project_id,
                uri: row.uri,
                source: row.source,
                step_run_id,
                pipeline_run_id,
                artifact_store_id,
                log_store_id,
                hook_invocation_id,
            };
            Response::nameless(row.id, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
