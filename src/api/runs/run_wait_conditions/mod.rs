//! What a run of a dynamic pipeline waits for: the answer of somebody outside.

mod requests;

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_query::Query as Sql;
use serde::Serialize;
use serde_json::value::RawValue;

use super::pipeline_runs::RunRow;
use super::run_metadata;
use crate::accounts::users::UserResponse;
use crate::auth::kind::Kind;
use crate::framework::routes::Routes;
use crate::framework::{Read, Resource, Response, ResponseOf, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::{Field, FieldKind, Related};
use crate::http::list::Listed;
use crate::row;
use crate::store::{Id, JsonText, Timestamp};

pub const KIND: Kind = Kind::new("run_wait_conditions").in_project();
const CONDITIONS: &str = "/api/v1/run_wait_conditions";
const CONDITION: &str = "/api/v1/run_wait_conditions/{run_wait_condition_id}";

pub fn routes() -> Routes {
    Routes::of(KIND)
        .post(CONDITIONS, requests::create_condition)
        .also(&[run_metadata::LOGGED])
        .get(CONDITIONS, list::<WaitConditionRow>)
        .get(CONDITION, get::<WaitConditionRow>)
        .put(CONDITION, requests::update_lease)
        .put("/api/v1/run_wait_conditions/{run_wait_condition_id}/resolve", requests::resolve_condition)
}

row! {
    pub struct WaitConditionRow in "run_wait_condition" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub run_id: Id,
        pub project_id: Id,
        pub user_id: Option<Id>,
        pub resolved_by_user_id: Option<Id>,
        pub r#type: String,
        pub status: String,
        pub name: String,
        pub question: Option<String>,
        /// JSON Schema that the answer has to fit.
        pub data_schema_json: Option<JsonText>,
        pub resolution: Option<String>,
        pub result_json: Option<JsonText>,
        pub last_polled_at: Option<Timestamp>,
        pub poller_instance_id: Option<String>,
        pub poller_lease_expires_at: Option<Timestamp>,
        pub resolved_at: Option<Timestamp>,
    }
}

const RUN: Related = Related {
    column: "run_id",
    rows: || Sql::select().column(("pipeline_run", "id")).from("pipeline_run").to_owned(),
    fields: &[(("pipeline_run", "id"), FieldKind::Id), (("pipeline_run", "name"), FieldKind::Text)],
};
const RESOLVED_BY: Related = Related {
    column: "resolved_by_user_id",
    rows: || Sql::select().column(("user", "id")).from("user").to_owned(),
    fields: &[
        (("user", "id"), FieldKind::Id),
        (("user", "name"), FieldKind::Text),
        (("user", "full_name"), FieldKind::Text),
    ],
};

impl Listed for WaitConditionRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::run_metadata("wait_condition"),
        Field::scope_user(),
        Field::user(),
        Field::related("pipeline_run", RUN),
        Field::text("type"),
        Field::text("status"),
        Field::text("name"),
        Field::related("resolved_by", RESOLVED_BY),
        Field::time("resolved_at"),
        Field::text("resolution"),
    ];
}

#[derive(Debug, Serialize)]
pub struct WaitConditionBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    r#type: String,
    status: String,
    last_polled_at: Option<Timestamp>,
    poller_instance_id: Option<String>,
    poller_lease_expires_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    resolved_by_user_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub struct WaitConditionMetadata {
    question: Option<String>,
    run_metadata: BTreeMap<String, Arc<RawValue>>,
    data_schema: Option<JsonText>,
    resolution: Option<String>,
    result: Option<JsonText>,
}

#[derive(Debug, Serialize)]
pub struct WaitConditionResources {
    user: Option<Arc<UserResponse>>,
    run: Option<Arc<ResponseOf<RunRow>>>,
}

impl Resource for WaitConditionRow {
    const NAME: &'static str = "run wait condition";
    const IN_PROJECT: bool = true;
    type Body = WaitConditionBody;
    type Metadata = WaitConditionMetadata;
    type Resources = WaitConditionResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let runs =
            read.embed::<RunRow>(rows.iter().filter(|_| read.resources).map(|row| Some(row.run_id))).await?;
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let mut run_metadata = read.run_metadata("wait_condition", &ids).await?;
        let response = |row: Self| {
            let body = row.body();
            let metadata = read.metadata(|| WaitConditionMetadata {
                question: row.question,
                run_metadata: run_metadata.remove(&row.id).unwrap_or_default(),
                data_schema: row.data_schema_json,
                resolution: row.resolution,
                result: row.result_json,
            });
            let resources = read.resources(|| WaitConditionResources {
                user: row.user_id.and_then(|id| users.get(&id).cloned()),
                run: runs.get(&row.run_id).cloned(),
            });
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

impl WaitConditionRow {
    fn body(&self) -> WaitConditionBody {
        WaitConditionBody {
            created: self.created,
            updated: self.updated,
            user_id: self.user_id,
            project_id: self.project_id,
            r#type: self.r#type.clone(),
            status: self.status.clone(),
            last_polled_at: self.last_polled_at,
            poller_instance_id: self.poller_instance_id.clone(),
            poller_lease_expires_at: self.poller_lease_expires_at,
            resolved_at: self.resolved_at,
            resolved_by_user_id: self.resolved_by_user_id,
        }
    }
}
