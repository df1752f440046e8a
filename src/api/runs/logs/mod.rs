//! Logs: where the log of a run, a step or a hook is.

mod create;
mod entries;
mod update;

use serde::Serialize;

use crate::auth::kind::Kind;
use crate::framework::{Answer, Answers, Context, Loader, Owner, Resource, Response, Routes};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Fields, Listed};
use crate::http::path::PathId;
use crate::http::query::Hydrate;
use crate::store::{Id, row};

pub(crate) use self::create::{ATTACHED, LogsOwner, LogsReference, LogsRequest, UPDATE, attach, checked};
pub(crate) use self::entries::entries;

pub(crate) const KIND: Kind = Kind::new("logs").in_project();
const LOGS: &str = "/api/v1/logs";
const LOG: &str = "/api/v1/logs/{logs_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(LOGS, create::create_logs)
        .get(LOG, get_logs)
        .put(LOG, update::update_logs)
        .get("/api/v1/logs/{logs_id}/entries", entries::list_entries)
}

/// A log that is a run's, a step's or a hook's; nobody may read others.
async fn get_logs(cx: Context, PathId(id): PathId, Hydrate(hydrate): Hydrate) -> Answer<LogsRow> {
    cx.find::<LogsRow>(id).await?.refuse_unowned()?;
    cx.answer_with::<LogsRow>(id, hydrate).await
}

impl LogsRow {
    fn refuse_unowned(&self) -> ApiResult<()> {
        let of = &self.metadata;
        if of.pipeline_run_id.or(of.step_run_id).or(of.hook_invocation_id).is_some() {
            return Ok(());
        }
        let message = "The logs are not of any pipeline run, step run or hook yet.";
        Err(ApiError::illegal(message))
    }
}

row! {
    pub struct LogsRow in "logs" {
        pub id: Id,
    }
    body LogsColumns: in_project {
        pub uri: Option<String>,
        pub source: String,
    }
    metadata LogsReferences {
        pub step_run_id: Option<Id>,
        pub pipeline_run_id: Option<Id>,
        pub artifact_store_id: Option<Id>,
        pub log_store_id: Option<Id>,
        pub hook_invocation_id: Option<Id>,
    }
}

/// No list of them is part of the contract.
impl Listed for LogsRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[];
}

#[derive(Debug, Serialize)]
pub(crate) struct LogsBody {
    #[serde(flatten)]
    columns: LogsColumns,
    #[serde(flatten)]
    references: LogsReferences,
}

impl Resource for LogsRow {
    const NAME: &'static str = "logs";
    type Body = LogsBody;
    type Metadata = LogsReferences;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let response = |row: Self| {
            let metadata = loader.metadata(|| row.metadata.clone());
            let body = LogsBody { columns: row.body, references: row.metadata };
            Response::nameless(row.id, body, metadata, None)
        };
        loader.owned(rows, response).await
    }
}
