//! Schedules: when a pipeline runs by itself. The orchestrator keeps the times; this is what is known of them.

use axum::Json;
use serde::Deserialize;

use super::pipelines::PipelineRow;
use crate::api::stacks::components::ComponentRow;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, Context, Loader, NamedProject, Owner, Resource, Response, Routes, WithRunMetadata,
    change_named, find_in, get, list, or_taken, refuse_taken_name, require, require_project,
};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::http::timestamps::{Interval, SentTimestamp};
use crate::http::values::{ShortText, required};
use crate::store::{Id, Insert, Timestamp, Update, fields, row};

pub(crate) const KIND: Kind = Kind::new("schedules").in_project();
const SCHEDULES: [&str; 2] = ["/api/v1/schedules", "/api/v1/workspaces/{project_name_or_id}/schedules"];
const SCHEDULE: &str = "/api/v1/schedules/{schedule_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(SCHEDULES, create_schedule)
        .get(SCHEDULES, list::<ScheduleRow>)
        .get(SCHEDULE, get::<ScheduleRow>)
        .put(SCHEDULE, update_schedule)
        .delete(SCHEDULE, delete_schedule)
}

row! {
    pub struct ScheduleRow in "schedule" {
        pub id: Id,
        pub name: String,
    }
    body ScheduleBody: in_project {
        pub active: bool,
        cron_expression: Option<String>,
        start_time: Option<Timestamp>,
        end_time: Option<Timestamp>,
        interval_second: Option<Interval>,
        catchup: bool,
        run_once_start_time: Option<Timestamp>,
        pub is_archived: bool,
    }
    metadata ScheduleMetadata {
        orchestrator_id: Option<Id>,
        pub pipeline_id: Option<Id>,
    }
}

impl Listed for ScheduleRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::reference("pipeline_id", "pipeline_id"),
            Field::reference("orchestrator_id", "orchestrator_id"),
            Field::only_flag("active"),
            Field::text("cron_expression"),
            Field::time("start_time"),
            Field::time("end_time"),
            Field::decimal("interval_second"),
            Field::only_flag("catchup"),
            Field::text("name"),
            Field::time("run_once_start_time"),
            Field::only_flag("is_archived"),
        ],
    ];
}

impl Resource for ScheduleRow {
    const NAME: &'static str = "schedule";
    type Body = ScheduleBody;
    type Metadata = WithRunMetadata<ScheduleMetadata>;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let mut logged = loader.run_metadata("schedule", &ids).await?;
        let response = |row: Self| {
            let run_metadata = logged.remove(&row.id).unwrap_or_default();
            let metadata = loader.metadata(|| WithRunMetadata { columns: row.metadata, run_metadata });
            Response::named(row.id, row.name, row.body, metadata, None)
        };
        loader.owned(rows, response).await
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "ScheduleFields")]
struct ScheduleRequest(ScheduleFields);

#[derive(Debug, Deserialize)]
struct ScheduleFields {
    project: Id,
    name: ShortText,
    active: bool,
    cron_expression: Option<ShortText>,
    start_time: Option<SentTimestamp>,
    end_time: Option<SentTimestamp>,
    interval_second: Option<Interval>,
    #[serde(default)]
    catchup: bool,
    run_once_start_time: Option<SentTimestamp>,
    #[serde(deserialize_with = "required")]
    orchestrator_id: Option<Id>,
    #[serde(deserialize_with = "required")]
    pipeline_id: Option<Id>,
}

impl TryFrom<ScheduleFields> for ScheduleRequest {
    type Error = &'static str;

    fn try_from(fields: ScheduleFields) -> Result<Self, Self::Error> {
        let has_cron = fields.cron_expression.as_ref().is_some_and(|cron| !cron.as_str().is_empty());
        let has_interval = fields.interval_second.is_some_and(|every| every.0 != 0.0);
        let is_periodic = fields.start_time.is_some() && has_interval;
        match has_cron || is_periodic || fields.run_once_start_time.is_some() {
            true => Ok(Self(fields)),
            false => {
                Err("A schedule has a cron expression, a start time with an interval, or a time to run once")
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct ScheduleUpdate {
    name: Option<ShortText>,
    cron_expression: Option<ShortText>,
    active: Option<bool>,
}

/// Notes a schedule.
async fn create_schedule(
    cx: Context,
    project: NamedProject,
    JsonBody(ScheduleRequest(request)): JsonBody<ScheduleRequest>,
) -> Answer<ScheduleRow> {
    let project = project.or(&cx, request.project).await?;
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    cx.create_row::<ScheduleRow, _, _>(|mut tx| async move {
        let name = request.name.as_str();
        require_project(&mut tx, project).await?;
        refuse_taken_name::<ScheduleRow>(&mut tx, Some(project), name, None).await?;
        require::<ComponentRow>(&mut tx, request.orchestrator_id, project).await?;
        require::<PipelineRow>(&mut tx, request.pipeline_id, project).await?;
        let insert = request.insert(project).stamped(id, context.now()).set("user_id", context.user_id());
        insert.run(&mut tx).await.map_err(or_taken::<ScheduleRow>(name))?;
        Ok((tx, id))
    })
    .await
}

/// Renames a schedule, or changes when it runs or whether it does.
async fn update_schedule(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ScheduleUpdate>,
) -> Answer<ScheduleRow> {
    let (now, update) = (cx.now(), &update);
    let updated = cx.store.write(|mut tx| async move {
        let schedule = find_in::<ScheduleRow>(&mut tx, id).await?;
        if schedule.body.is_archived {
            let message = "An archived schedule can't be changed.";
            return Err(ApiError::illegal(message));
        }
        let name = update.name.as_ref().map(ShortText::as_str).filter(|name| *name != schedule.name);
        let cron = update.cron_expression.as_ref().map(ShortText::as_str).filter(|cron| !cron.is_empty());
        let changes = Update::of("schedule", id, now)
            .maybe("name", name)
            .maybe("cron_expression", cron)
            .maybe("active", update.active);
        change_named(&mut tx, &schedule, name, changes).await?;
        Ok(tx.commit(()).await?)
    });
    updated.await?;
    cx.auth.identities.forget_schedule(id.0).await;
    cx.answer::<ScheduleRow>(id).await
}

/// Deletes a schedule, or archives it: then its runs still say that they are its, and its name is free.
async fn delete_schedule(cx: Context, PathId(id): PathId, mut query: QueryParams) -> ApiResult<Json<()>> {
    query.required("soft");
    let is_soft = query.flag("soft").unwrap_or(false);
    query.finish()?;
    let (now, suffix) = (cx.now(), cx.new_id());
    let deleted = cx.store.write(|mut tx| async move {
        let schedule = find_in::<ScheduleRow>(&mut tx, id).await?;
        if is_soft {
            let archive = Update::of("schedule", id, now)
                .set("is_archived", true)
                .set("active", false)
                .set("name", archived_name(&schedule.name, suffix));
            archive.run(&mut tx).await?;
        } else {
            ScheduleRow::delete(&mut tx, id).await?;
        }
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    deleted.await?;
    cx.auth.identities.forget_schedule(id.0).await;
    Ok(Json(()))
}

/// A name that no other schedule has, and no longer than MySQL's column.
fn archived_name(name: &str, suffix: Id) -> String {
    const KEPT: usize = 255 - "_00000000-0000-0000-0000-000000000000".len();
    let kept: String = name.chars().take(KEPT).collect();
    format!("{kept}_{suffix}")
}

impl ScheduleFields {
    fn insert(&self, project: Id) -> Insert {
        Insert::into("schedule")
            .set("name", self.name.as_str())
            .set("project_id", project)
            .set_all(fields!(
                self;
                pipeline_id, orchestrator_id, active, cron_expression, start_time, end_time,
                interval_second, catchup, run_once_start_time,
            ))
            .set("is_archived", false)
    }
}
