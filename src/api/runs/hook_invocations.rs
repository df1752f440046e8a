//! Hook invocations: functions that ran when a run or a step began, ended or failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::execution_status::ExecutionStatus;
use super::logs::{self, LogsRow};
use super::pipeline_runs::RunRow;
use super::steps::StepRow;
use crate::accounts::users::UserResponse;
use crate::api::artifacts::artifact_versions::ArtifactVersionRow;
use crate::auth::kind::Kind;
use crate::framework::{
    Answer, Answers, ById, Context, Loader, Resource, Response, ResponseOf, Routes, delete, get, grouped,
    list, pick, require, require_project,
};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::json::ModelBody;
use crate::http::timestamps::SentTimestamp;
use crate::http::values::{JsonObject, ShortText, at_most};
use crate::store::{Id, InIds, Insert, JsonText, Timestamp, Transaction, Word, Words, fields, row};

pub(crate) const KIND: Kind = Kind::new("hook_invocations").in_project();
const INVOCATIONS: &str = "/api/v1/hook_invocations";
const INVOCATION: &str = "/api/v1/hook_invocations/{hook_invocation_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(INVOCATIONS, create_invocation)
        .also(&logs::ATTACHED[1..])
        .get(INVOCATIONS, list::<HookInvocationRow>)
        .get(INVOCATION, get::<HookInvocationRow>)
        .delete(INVOCATION, delete::<HookInvocationRow>)
}

row! {
    pub struct HookInvocationRow in "hook_invocation" {
        pub id: Id,
        name: Option<String>,
    }
    body HookInvocationBody: in_project {
        hook_type: Word<HookType>,
        status: Word<ExecutionStatus>,
        start_time: Timestamp,
        end_time: Option<Timestamp>,
        pipeline_run_id: Id,
        step_run_id: Option<Id>,
    }
    metadata HookInvocationMetadata {
        source: Option<String>,
        exception_info: Option<JsonText>,
    }
}

impl Listed for HookInvocationRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::reference("pipeline_run_id", "pipeline_run_id"),
            Field::reference("step_run_id", "step_run_id"),
            Field::text("hook_type"),
            Field::text("name"),
            Field::text("status"),
            Field::time("start_time"),
            Field::time("end_time"),
        ],
    ];
}

/// Artifact versions by the name of the output.
type Outputs = BTreeMap<String, Vec<Arc<ResponseOf<ArtifactVersionRow>>>>;

#[derive(Debug, Serialize)]
pub(crate) struct HookInvocationResources {
    user: Option<Arc<UserResponse>>,
    outputs: Outputs,
    log_collection: Vec<Arc<ResponseOf<LogsRow>>>,
}

impl Resource for HookInvocationRow {
    const NAME: &'static str = "hook invocation";
    type Body = HookInvocationBody;
    type Metadata = HookInvocationMetadata;
    type Resources = HookInvocationResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().filter(|_| loader.resources).map(|row| row.id).collect();
        let users = loader.users(rows.iter().map(|row| row.body.user_id)).await?;
        let mut outputs = outputs(loader, &ids).await?;
        let mut logs = logs(loader, &ids).await?;
        let response = |row: Self| {
            let resources = loader.resources(|| HookInvocationResources {
                user: pick(&users, row.body.user_id),
                outputs: outputs.remove(&row.id).unwrap_or_default(),
                log_collection: logs.remove(&row.id).unwrap_or_default(),
            });
            Response::maybe_named(row.id, row.name, row.body, loader.metadata(|| row.metadata), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

async fn outputs(loader: &Loader<'_>, ids: &[Id]) -> ApiResult<ById<Outputs>> {
    let mut by_invocation: ById<Outputs> = ById::new();
    if ids.is_empty() {
        return Ok(by_invocation);
    }
    let links = Sql::select()
        .columns(["hook_invocation_id", "name", "artifact_version_id"])
        .from("hook_invocation_output_artifact")
        .and_where(Expr::col("hook_invocation_id").in_ids(ids.iter().copied()))
        .order_by("name", Order::Asc)
        .order_by("artifact_version_id", Order::Asc)
        .to_owned();
    let links: Vec<(Id, String, Id)> = loader.store.fetch_all(&links).await?;
    let versions =
        loader.embed::<ArtifactVersionRow>(links.iter().map(|(.., version)| Some(*version))).await?;
    for (invocation, name, version) in links {
        if let Some(version) = versions.get(&version) {
            let outputs = by_invocation.entry(invocation).or_default();
            outputs.entry(name).or_default().push(Arc::clone(version));
        }
    }
    Ok(by_invocation)
}

async fn logs(loader: &Loader<'_>, ids: &[Id]) -> ApiResult<ById<Vec<Arc<ResponseOf<LogsRow>>>>> {
    if ids.is_empty() {
        return Ok(ById::new());
    }
    let links = Sql::select()
        .columns(["hook_invocation_id", "id"])
        .from("logs")
        .and_where(Expr::col("hook_invocation_id").in_ids(ids.iter().copied()))
        .order_by("created", Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    let links: Vec<(Id, Id)> = loader.store.fetch_all(&links).await?;
    let logs = loader.embed::<LogsRow>(links.iter().map(|(_, id)| Some(*id))).await?;
    Ok(grouped(links.into_iter().filter_map(|(invocation, id)| Some((invocation, logs.get(&id)?.clone())))))
}

/// When a hook runs (contract schema HookType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HookType {
    RunStart,
    RunSuccess,
    RunFailure,
    RunEnd,
    RunPause,
    RunResume,
    StepStart,
    StepEnd,
    StepSuccess,
    StepFailure,
    Custom,
}

/// The name of a function: a letter or `_`, then those, digits, `.` and `-`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ShortText")]
struct HookName(ShortText);

impl TryFrom<ShortText> for HookName {
    type Error = &'static str;

    fn try_from(name: ShortText) -> Result<Self, Self::Error> {
        let mut characters = name.as_str().chars();
        let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        match begins && characters.all(goes_on) {
            true => Ok(Self(name)),
            false => Err("A hook's name is a letter or _, then letters, digits, _, . and -"),
        }
    }
}

#[derive(Debug, Deserialize)]
struct HookInvocationRequest {
    project: Id,
    id: Option<Id>,
    hook_type: HookType,
    name: Option<HookName>,
    status: ExecutionStatus,
    start_time: SentTimestamp,
    end_time: Option<SentTimestamp>,
    source: Option<ShortText>,
    pipeline_run_id: Id,
    step_run_id: Option<Id>,
    /// Artifact versions by the name of the output.
    #[serde(default, deserialize_with = "at_most::<1000, _, _>")]
    outputs: BTreeMap<String, BTreeSet<Id>>,
    exception_info: Option<JsonObject>,
    logs_id: Option<Id>,
}

modelled!(HookInvocationRequest);

/// Notes that a hook ran.
async fn create_invocation(
    cx: Context,
    ModelBody(request): ModelBody<HookInvocationRequest>,
) -> Answer<HookInvocationRow> {
    let id = request.id.unwrap_or_else(|| cx.new_id());
    let (context, request) = (&cx, &request);
    cx.create_row::<HookInvocationRow, _, _>(|mut tx| async move {
        let project = request.project;
        require_project(&mut tx, project).await?;
        require::<RunRow>(&mut tx, Some(request.pipeline_run_id), project).await?;
        require::<StepRow>(&mut tx, request.step_run_id, project).await?;
        let insert = request.insert().stamped(id, context.now()).set("user_id", context.user_id());
        let taken = || ApiError::exists(format!("A hook invocation with the ID '{id}' already exists."));
        insert.run(&mut tx).await.map_err(if_duplicate(taken))?;
        set_outputs(&mut tx, id, request).await?;
        take_logs(context, &mut tx, id, request).await?;
        Ok((tx, id))
    })
    .await
}

async fn set_outputs(tx: &mut Transaction, id: Id, request: &HookInvocationRequest) -> ApiResult<()> {
    for (name, versions) in &request.outputs {
        for version in versions {
            require::<ArtifactVersionRow>(tx, Some(*version), request.project).await?;
            Insert::into("hook_invocation_output_artifact")
                .set("hook_invocation_id", id)
                .set("artifact_version_id", *version)
                .set("name", name.as_str())
                .run(tx)
                .await?;
        }
    }
    Ok(())
}

/// Logs that aren't there are passed over, as in ZenML.
async fn take_logs(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    request: &HookInvocationRequest,
) -> ApiResult<()> {
    let Some(logs) = request.logs_id else { return Ok(()) };
    cx.require(logs::UPDATE)?;
    tx.set_where(
        "logs",
        ("hook_invocation_id", id),
        [Expr::col("id").eq(logs), Expr::col("project_id").eq(request.project)],
    )
    .await?;
    Ok(())
}

impl HookInvocationRequest {
    fn insert(&self) -> Insert {
        Insert::into("hook_invocation")
            .set("project_id", self.project)
            .set("hook_type", self.hook_type.as_str())
            .set("name", self.name.as_ref().map(|name| name.0.clone()))
            .set("status", self.status.as_str())
            .set_all(
                fields!(self; start_time, end_time, source, pipeline_run_id, step_run_id, exception_info),
            )
    }
}
