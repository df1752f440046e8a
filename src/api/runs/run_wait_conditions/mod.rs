//! What a run of a dynamic pipeline waits for: the answer of somebody outside.

mod create;
mod resolve;
mod update;

use std::sync::Arc;

use sea_query::Query as Sql;
use serde::Serialize;

pub(crate) use self::create::{ConditionStatus, ConditionType, Resolution};
use super::pipeline_runs::RunRow;
use super::run_metadata;
use crate::accounts::users::UserResponse;
use crate::auth::kind::Kind;
use crate::framework::{
    Answers, Loader, Resource, Response, ResponseOf, Routes, WithRunMetadata, get, list, pick,
};
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED, USER};
use crate::store::{Id, JsonText, Timestamp, Word, row};

pub(crate) const KIND: Kind = Kind::new("run_wait_conditions").in_project();
const CONDITIONS: &str = "/api/v1/run_wait_conditions";
const CONDITION: &str = "/api/v1/run_wait_conditions/{run_wait_condition_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(CONDITIONS, create::create_condition)
        .also(&[run_metadata::LOGGED])
        .get(CONDITIONS, list::<WaitConditionRow>)
        .get(CONDITION, get::<WaitConditionRow>)
        .put(CONDITION, update::update_lease)
        .put("/api/v1/run_wait_conditions/{run_wait_condition_id}/resolve", resolve::resolve_condition)
}

row! {
    pub struct WaitConditionRow in "run_wait_condition" {
        pub id: Id,
        pub name: String,
        pub run_id: Id,
    }
    body WaitConditionBody: in_project {
        pub r#type: Word<ConditionType>,
        pub status: Word<ConditionStatus>,
        last_polled_at: Option<Timestamp>,
        poller_instance_id: Option<String>,
        pub poller_lease_expires_at: Option<Timestamp>,
        resolved_at: Option<Timestamp>,
        resolved_by_user_id: Option<Id>,
    }
    metadata WaitConditionMetadata {
        pub question: Option<String>,
        /// JSON Schema that the answer has to fit.
        #[serde(rename = "data_schema")]
        pub data_schema_json: Option<JsonText>,
        pub resolution: Option<Word<Resolution>>,
        #[serde(rename = "result")]
        result_json: Option<JsonText>,
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
    fields: USER,
};

impl Listed for WaitConditionRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[Field::run_metadata("wait_condition")],
        OWNED,
        &[
            Field::related("pipeline_run", RUN),
            Field::text("type"),
            Field::text("status"),
            Field::text("name"),
            Field::related("resolved_by", RESOLVED_BY),
            Field::time("resolved_at"),
            Field::text("resolution"),
        ],
    ];
}

#[derive(Debug, Serialize)]
pub(crate) struct WaitConditionResources {
    user: Option<Arc<UserResponse>>,
    run: Option<Arc<ResponseOf<RunRow>>>,
}

impl Resource for WaitConditionRow {
    const NAME: &'static str = "run wait condition";
    type Body = WaitConditionBody;
    type Metadata = WithRunMetadata<WaitConditionMetadata>;
    type Resources = WaitConditionResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let users = loader.users(rows.iter().map(|row| row.body.user_id)).await?;
        let runs = loader
            .embed::<RunRow>(rows.iter().filter(|_| loader.resources).map(|row| Some(row.run_id)))
            .await?;
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let mut logged = loader.run_metadata("wait_condition", &ids).await?;
        let response = |row: Self| {
            let run_metadata = logged.remove(&row.id).unwrap_or_default();
            let metadata = loader.metadata(|| WithRunMetadata { columns: row.metadata, run_metadata });
            let resources = loader.resources(|| WaitConditionResources {
                user: pick(&users, row.body.user_id),
                run: runs.get(&row.run_id).cloned(),
            });
            Response::named(row.id, row.name, row.body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
