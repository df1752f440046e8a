//! What is asked of wait conditions: made by the run that waits, polled by it, and resolved by somebody.

use std::collections::BTreeMap;

use axum::Json;
use sea_query::{Expr, ExprTrait};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::WaitConditionRow;
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::pipeline_runs::{RunRow, follow, lock};
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::runs::run_metadata::{MetadataKind, insert_untyped};
use crate::framework::{Context, Resource, ResponseOf, find_in, require, require_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::moments::Moment;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, ShortText, at_most};
use crate::json_schema::{self, Unfit};
use crate::store::{Id, Insert, Transaction, Update, Word, Words};

const WAITS: &str = "The run waits for somebody's answer.";
const WAITS_TO_BE_RESUMED: &str = "The run waits to be resumed by hand.";
const ABORTED: &str = "What the run waited for was answered with an abort.";

/// What can be waited for (contract schema RunWaitConditionType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ConditionType {
    ExternalInput,
}

/// Whether somebody has answered (contract schema RunWaitConditionStatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConditionStatus {
    Pending,
    Resolved,
}

/// What becomes of the run (contract schema RunWaitConditionResolution).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Resolution {
    Continue,
    Abort,
}

/// What a poller does with its lease (contract schema RunWaitConditionLeaseMode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LeaseMode {
    Refresh,
    /// It stops polling, and goes on by itself if the condition was resolved meanwhile.
    Finalize,
    /// It stops polling and can't go on.
    Abandon,
}

#[derive(Debug, Deserialize)]
pub(super) struct WaitConditionRequest {
    project: Id,
    run: Id,
    name: ShortText,
    r#type: ConditionType,
    question: Option<ShortText>,
    data_schema: Option<JsonObject>,
    #[serde(default, deserialize_with = "at_most::<1000, _, _>")]
    metadata: BTreeMap<String, Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LeaseUpdate {
    poller_instance_id: ShortText,
    poller_lease_expires_at: Moment,
    mode: Option<LeaseMode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    resolution: Resolution,
    result: Option<Value>,
}

/// Makes a condition. The same one again, as a run makes it that was interrupted, is that one.
pub(super) async fn create_condition(
    cx: Context,
    JsonBody(request): JsonBody<WaitConditionRequest>,
) -> ApiResult<Json<ResponseOf<WaitConditionRow>>> {
    let (context, request) = (&cx, &request);
    cx.create_row::<WaitConditionRow, _, _>(|mut tx| async move {
        // Of two that come at once for a run the second sees the first.
        lock(&mut tx, request.run).await?;
        let id = find_or_make(context, &mut tx, request).await?;
        Ok((tx, id))
    })
    .await
}

async fn find_or_make(cx: &Context, tx: &mut Transaction, request: &WaitConditionRequest) -> ApiResult<Id> {
    require_project(tx, request.project).await?;
    require::<RunRow>(tx, Some(request.run), request.project).await?;
    require_dynamic(tx, request.run).await?;
    let mut select = WaitConditionRow::select();
    let of_run =
        tx.fetch_all::<WaitConditionRow>(select.and_where(Expr::col("run_id").eq(request.run))).await?;
    if let Some(known) = of_run.iter().find(|condition| condition.name == request.name.as_str()) {
        if request.is_same(known) {
            return Ok(known.id);
        }
        let message = "The run has another wait condition with this name.";
        return Err(ApiError::exists(message));
    }
    if of_run.iter().any(|condition| condition.body.status == ConditionStatus::Pending) {
        return Err(illegal("The run waits for something already; that has to be resolved first."));
    }
    let id = cx.new_id();
    let insert = request.insert().stamped(id, cx.now()).set("user_id", cx.user_id());
    insert.run(tx).await?;
    insert_untyped(cx, tx, request.project, (MetadataKind::WaitCondition, id), &request.metadata).await?;
    Ok(id)
}

async fn require_dynamic(tx: &mut Transaction, run: Id) -> ApiResult<()> {
    let snapshot = match find_in::<RunRow>(tx, run).await?.snapshot_id {
        Some(snapshot) => Some(find_in::<SnapshotRow>(tx, snapshot).await?),
        None => None,
    };
    match snapshot.is_some_and(|snapshot| snapshot.body.is_dynamic) {
        true => Ok(()),
        false => Err(illegal("Only runs of dynamic pipelines can wait for a condition.")),
    }
}

impl WaitConditionRequest {
    fn is_same(&self, known: &WaitConditionRow) -> bool {
        let schema = self.data_schema.as_ref().map(JsonObject::as_str);
        let known_schema = known.metadata.data_schema_json.as_ref().map(|schema| schema.0.get());
        known.body.r#type == self.r#type
            && known.metadata.question.as_deref() == self.question.as_ref().map(ShortText::as_str)
            && schema.and_then(value) == known_schema.and_then(value)
    }

    fn insert(&self) -> Insert {
        Insert::into("run_wait_condition")
            .set("run_id", self.run)
            .set("project_id", self.project)
            .set("name", self.name.as_str())
            .set("type", self.r#type.as_str())
            .set("status", ConditionStatus::Pending.as_str())
            .set("question", self.question.clone())
            .set("data_schema_json", self.data_schema.clone())
    }
}

fn value(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// Notes that the run still looks whether its condition is resolved, or doesn't any more. Answers with the condition's
/// status.
pub(super) async fn update_lease(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<LeaseUpdate>,
) -> ApiResult<Json<Word<ConditionStatus>>> {
    let run = cx.find::<WaitConditionRow>(id).await?.run_id;
    let (context, update) = (&cx, &update);
    let status = cx.store.write(|mut tx| async move {
        lock(&mut tx, run).await?;
        let condition = find_in::<WaitConditionRow>(&mut tx, id).await?;
        match update.mode.unwrap_or(LeaseMode::Refresh) {
            LeaseMode::Refresh => refresh(context, &mut tx, &condition, update).await?,
            mode => release(context, &mut tx, &condition, mode).await?,
        }
        Ok::<_, ApiError>(tx.commit(condition.body.status).await?)
    });
    status.await.map(Json)
}

async fn refresh(
    cx: &Context,
    tx: &mut Transaction,
    condition: &WaitConditionRow,
    update: &LeaseUpdate,
) -> ApiResult<()> {
    if condition.body.status != ConditionStatus::Pending {
        return Ok(());
    }
    Update::of("run_wait_condition", condition.id, cx.now())
        .set("last_polled_at", cx.now())
        .set("poller_instance_id", update.poller_instance_id.as_str())
        .set("poller_lease_expires_at", update.poller_lease_expires_at)
        .run(tx)
        .await?;
    Ok(())
}

async fn release(
    cx: &Context,
    tx: &mut Transaction,
    condition: &WaitConditionRow,
    mode: LeaseMode,
) -> ApiResult<()> {
    Update::of("run_wait_condition", condition.id, cx.now())
        .set("last_polled_at", cx.now())
        .set("poller_instance_id", Option::<String>::None)
        .set("poller_lease_expires_at", cx.now())
        .run(tx)
        .await?;
    if condition.body.status == ConditionStatus::Pending {
        return follow(cx, tx, condition.run_id, Some(ExecutionStatus::Paused), Some(WAITS)).await.map(drop);
    }
    let goes_on = condition.metadata.resolution.as_ref().is_some_and(|it| *it == Resolution::Continue);
    if mode == LeaseMode::Abandon && goes_on {
        let _ = follow(cx, tx, condition.run_id, Some(ExecutionStatus::Paused), None).await?;
        wait_to_be_resumed(cx, tx, condition.run_id).await?;
    }
    Ok(())
}

/// No server starts a run again by itself: that takes something that runs pipelines for it.
async fn wait_to_be_resumed(cx: &Context, tx: &mut Transaction, run: Id) -> ApiResult<()> {
    let root = find_in::<RunRow>(tx, run).await?.body.root_run_id.unwrap_or(run);
    follow(cx, tx, root, Some(ExecutionStatus::Paused), Some(WAITS_TO_BE_RESUMED)).await.map(drop)
}

/// Answers what a run waits for.
pub(super) async fn resolve_condition(
    cx: Context,
    PathId(id): PathId,
    JsonBody(answer): JsonBody<Answer>,
) -> ApiResult<Json<ResponseOf<WaitConditionRow>>> {
    let found = cx.find::<WaitConditionRow>(id).await?;
    let run = found.run_id;
    // Apart from the transaction, which everybody who writes waits for.
    if found.body.status == ConditionStatus::Pending {
        answer.check(&cx, found.metadata.data_schema_json.as_ref().map(|schema| schema.0.get())).await?;
    }
    let (context, answer) = (&cx, &answer);
    let resolved = cx.store.write(|mut tx| async move {
        lock(&mut tx, run).await?;
        let condition = find_in::<WaitConditionRow>(&mut tx, id).await?;
        if condition.body.status != ConditionStatus::Pending {
            return Err(illegal("The wait condition has been resolved before."));
        }
        let result = answer.result_for(condition.metadata.data_schema_json.is_some())?;
        let now = context.now();
        let update = Update::of("run_wait_condition", id, now)
            .set("status", ConditionStatus::Resolved.as_str())
            .set("resolution", answer.resolution.as_str())
            .set("result_json", result.map(Value::to_string))
            .set("resolved_at", now)
            .set("resolved_by_user_id", context.user_id());
        update.run(&mut tx).await?;
        let is_polled = condition.body.poller_lease_expires_at.is_some_and(|expires| expires > now);
        let mut ended = None;
        match answer.resolution {
            Resolution::Continue if !is_polled => wait_to_be_resumed(context, &mut tx, run).await?,
            Resolution::Continue => {}
            Resolution::Abort => {
                let stopped = Some(ExecutionStatus::Stopped);
                ended = Some(follow(context, &mut tx, run, stopped, Some(ABORTED)).await?);
            }
        }
        Ok(tx.commit(ended).await?)
    });
    if let Some(ended) = resolved.await? {
        ended.note(&cx, run).await?;
    }
    cx.answer::<WaitConditionRow>(id).await.map(Json)
}

impl Answer {
    /// Checks that the result fits the schema, where one is asked for.
    ///
    /// # Errors
    /// 400 for one that doesn't fit; 422 for one that is too long to be kept.
    async fn check(&self, cx: &Context, schema: Option<&str>) -> ApiResult<()> {
        let Some(schema) = schema.filter(|_| self.resolution == Resolution::Continue) else { return Ok(()) };
        let result = self.result.clone().unwrap_or(Value::Null);
        if schema.len() > json_schema::LARGEST || result.to_string().len() > json_schema::LARGEST {
            return Err(ApiError::too_long("result", json_schema::LARGEST, "bytes"));
        }
        let schema = value(schema).unwrap_or(Value::Bool(true));
        cx.schema_checks.check(schema, result).await?.map_err(refusal)
    }

    /// What the run is given: nothing when it is aborted, else what was checked.
    ///
    /// # Errors
    /// 403 for a result where none is wanted.
    fn result_for(&self, has_schema: bool) -> ApiResult<Option<&Value>> {
        match (self.resolution, self.result.as_ref()) {
            (Resolution::Abort, _) => Ok(None),
            (Resolution::Continue, Some(_)) if !has_schema => {
                Err(illegal("A wait condition without a schema takes no result."))
            }
            (Resolution::Continue, result) => Ok(result),
        }
    }
}

fn refusal(unfit: Unfit) -> ApiError {
    let reason = match unfit {
        Unfit::Schema(reason) => format!("The schema of the wait condition is none: {reason}"),
        Unfit::Value(reason) => format!("The result does not fit the schema: {reason}"),
    };
    ApiError::value(reason)
}

fn illegal(message: &str) -> ApiError {
    ApiError::illegal(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(resolution: &str, result: Value, has_schema: bool) -> Result<Option<Value>, ()> {
        let answer: Answer =
            serde_json::from_value(json!({"resolution": resolution, "result": result})).unwrap();
        answer.result_for(has_schema).map(Option::<&Value>::cloned).map_err(drop)
    }

    #[test]
    fn a_result_is_taken_where_one_is_asked_for() {
        assert_eq!(given("continue", json!({"n": 1}), true), Ok(Some(json!({"n": 1}))));
        assert_eq!(given("continue", json!(null), true), Ok(None));
        assert_eq!(given("continue", json!(null), false), Ok(None));
        assert_eq!(given("continue", json!(1), false), Err(()), "none was asked for");
        assert_eq!(given("abort", json!("any"), true), Ok(None));
    }
}
