//! Schedules: when a pipeline runs by itself. The orchestrator keeps the times; this is what is known of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::users::UserResponse;
use crate::framework::{Read, Resource, Response, ResponseOf, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::moments::Interval;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, Timestamp};

const SCHEDULES: &str = "/api/v1/schedules";
const SCHEDULE: &str = "/api/v1/schedules/{schedule_id}";

pub fn routes() -> Routes {
    Routes::new().get(SCHEDULES, list::<ScheduleRow>).get(SCHEDULE, get::<ScheduleRow>)
}

row! {
    pub struct ScheduleRow in "schedule" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub project_id: Id,
        pub user_id: Option<Id>,
        pub pipeline_id: Option<Id>,
        pub orchestrator_id: Option<Id>,
        pub active: bool,
        pub cron_expression: Option<String>,
        pub start_time: Option<Timestamp>,
        pub end_time: Option<Timestamp>,
        /// Seconds.
        pub interval_second: Option<f64>,
        pub catchup: bool,
        pub run_once_start_time: Option<Timestamp>,
        pub is_archived: bool,
    }
}

impl Listed for ScheduleRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::reference("pipeline_id", "pipeline_id"),
        Field::reference("orchestrator_id", "orchestrator_id"),
        Field::flag("active"),
        Field::text("cron_expression"),
        Field::time("start_time"),
        Field::time("end_time"),
        Field::number("interval_second"),
        Field::flag("catchup"),
        Field::text("name"),
        Field::time("run_once_start_time"),
        Field::flag("is_archived"),
    ];
}

#[derive(Debug, Serialize)]
pub struct ScheduleBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    active: bool,
    cron_expression: Option<String>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    interval_second: Option<Interval>,
    catchup: bool,
    run_once_start_time: Option<Timestamp>,
    is_archived: bool,
}

#[derive(Debug, Serialize)]
pub struct ScheduleMetadata {
    orchestrator_id: Option<Id>,
    pipeline_id: Option<Id>,
    run_metadata: BTreeMap<String, Arc<RawValue>>,
}

#[derive(Debug, Serialize)]
pub struct ScheduleResources {
    user: Option<Arc<UserResponse>>,
}

impl Resource for ScheduleRow {
    const NAME: &'static str = "schedule";
    const IN_PROJECT: bool = true;
    type Body = ScheduleBody;
    type Metadata = ScheduleMetadata;
    type Resources = ScheduleResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let mut run_metadata = read.run_metadata("schedule", &ids).await?;
        let response = |row: Self| {
            let metadata = read.metadata(|| ScheduleMetadata {
                orchestrator_id: row.orchestrator_id,
                pipeline_id: row.pipeline_id,
                run_metadata: run_metadata.remove(&row.id).unwrap_or_default(),
            });
            let resources = read
                .resources(|| ScheduleResources { user: row.user_id.and_then(|id| users.get(&id).cloned()) });
            let body = ScheduleBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                project_id: row.project_id,
                active: row.active,
                cron_expression: row.cron_expression,
                start_time: row.start_time,
                end_time: row.end_time,
                interval_second: row.interval_second.map(Interval),
                catchup: row.catchup,
                run_once_start_time: row.run_once_start_time,
                is_archived: row.is_archived,
            };
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}
