//! Hook invocations: functions that ran when a run or a step began, ended or failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::Serialize;

use super::artifact_versions::ArtifactVersionRow;
use super::logs::LogsRow;
use super::users::UserResponse;
use crate::framework::{ById, Read, Resource, Response, ResponseOf, delete, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::Field;
use crate::http::list::Listed;
use crate::http::routes::Routes;
use crate::row;
use crate::store::{Id, JsonText, Timestamp};

const INVOCATIONS: &str = "/api/v1/hook_invocations";
const INVOCATION: &str = "/api/v1/hook_invocations/{hook_invocation_id}";

pub fn routes() -> Routes {
    Routes::new()
        .get(INVOCATIONS, list::<HookInvocationRow>)
        .get(INVOCATION, get::<HookInvocationRow>)
        .delete(INVOCATION, delete::<HookInvocationRow>)
}

row! {
    pub struct HookInvocationRow in "hook_invocation" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub hook_type: String,
        pub name: Option<String>,
        pub status: String,
        pub start_time: Timestamp,
        pub end_time: Option<Timestamp>,
        pub source: Option<String>,
        pub exception_info: Option<JsonText>,
        pub pipeline_run_id: Id,
        pub step_run_id: Option<Id>,
        pub user_id: Option<Id>,
        pub project_id: Id,
    }
}

impl Listed for HookInvocationRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::reference("pipeline_run_id", "pipeline_run_id"),
        Field::reference("step_run_id", "step_run_id"),
        Field::text("hook_type"),
        Field::text("name"),
        Field::text("status"),
        Field::time("start_time"),
        Field::time("end_time"),
    ];
}

#[derive(Debug, Serialize)]
pub struct HookInvocationBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    project_id: Id,
    hook_type: String,
    status: String,
    start_time: Timestamp,
    end_time: Option<Timestamp>,
    pipeline_run_id: Id,
    step_run_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub struct HookInvocationMetadata {
    source: Option<String>,
    exception_info: Option<JsonText>,
}

/// Artifact versions by the name of the output.
type Outputs = BTreeMap<String, Vec<Arc<ResponseOf<ArtifactVersionRow>>>>;

#[derive(Debug, Serialize)]
pub struct HookInvocationResources {
    user: Option<Arc<UserResponse>>,
    outputs: Outputs,
    log_collection: Vec<Arc<ResponseOf<LogsRow>>>,
}

impl Resource for HookInvocationRow {
    const NAME: &'static str = "hook invocation";
    const IN_PROJECT: bool = true;
    type Body = HookInvocationBody;
    type Metadata = HookInvocationMetadata;
    type Resources = HookInvocationResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let ids: Vec<Id> = rows.iter().filter(|_| read.resources).map(|row| row.id).collect();
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let mut outputs = outputs(read, &ids).await?;
        let mut logs = logs(read, &ids).await?;
        let response = |row: Self| {
            let resources = read.resources(|| HookInvocationResources {
                user: row.user_id.and_then(|id| users.get(&id).cloned()),
                outputs: outputs.remove(&row.id).unwrap_or_default(),
                log_collection: logs.remove(&row.id).unwrap_or_default(),
            });
            let body = HookInvocationBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                project_id: row.project_id,
                hook_type: row.hook_type,
                status: row.status,
                start_time: row.start_time,
                end_time: row.end_time,
                pipeline_run_id: row.pipeline_run_id,
                step_run_id: row.step_run_id,
            };
            let metadata = read.metadata(|| HookInvocationMetadata {
                source: row.source,
                exception_info: row.exception_info,
            });
            Response::maybe_named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

async fn outputs(read: &Read<'_>, ids: &[Id]) -> ApiResult<ById<Outputs>> {
    let mut by_invocation: ById<Outputs> = ById::new();
    if ids.is_empty() {
        return Ok(by_invocation);
    }
    let links = Sql::select()
        .columns(["hook_invocation_id", "name", "artifact_version_id"])
        .from("hook_invocation_output_artifact")
        .and_where(Expr::col("hook_invocation_id").is_in(ids.iter().copied()))
        .order_by("name", Order::Asc)
        .order_by("artifact_version_id", Order::Asc)
        .to_owned();
    let links: Vec<(Id, String, Id)> = read.app.store.fetch_all(&links).await?;
    let versions = read.embed::<ArtifactVersionRow>(links.iter().map(|(.., version)| Some(*version))).await?;
    for (invocation, name, version) in links {
        if let Some(version) = versions.get(&version) {
            let outputs = by_invocation.entry(invocation).or_default();
            outputs.entry(name).or_default().push(Arc::clone(version));
        }
    }
    Ok(by_invocation)
}

async fn logs(read: &Read<'_>, ids: &[Id]) -> ApiResult<ById<Vec<Arc<ResponseOf<LogsRow>>>>> {
    let mut by_invocation: ById<Vec<Arc<ResponseOf<LogsRow>>>> = ById::new();
    if ids.is_empty() {
        return Ok(by_invocation);
    }
    let links = Sql::select()
        .columns(["hook_invocation_id", "id"])
        .from("logs")
        .and_where(Expr::col("hook_invocation_id").is_in(ids.iter().copied()))
        .order_by("created", Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    let links: Vec<(Id, Id)> = read.app.store.fetch_all(&links).await?;
    let logs = read.embed::<LogsRow>(links.iter().map(|(_, id)| Some(*id))).await?;
    for (invocation, id) in links {
        if let Some(log) = logs.get(&id) {
            by_invocation.entry(invocation).or_default().push(Arc::clone(log));
        }
    }
    Ok(by_invocation)
}
