//! A run begins to wait.

use std::collections::BTreeMap;

use sea_query::{Expr, ExprTrait};
use serde::Deserialize;
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::WaitConditionRow;
use super::resolve::{illegal, value};
use crate::api::runs::pipeline_runs::{RunRow, lock};
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::runs::run_metadata::{MetadataKind, insert_untyped};
use crate::framework::{Answer, Context, Resource, find_in, require, require_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::values::{JsonObject, ShortText, at_most};
use crate::store::{Id, Insert, Transaction, Words};

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

/// Makes a condition. The same one again, as a run makes it that was interrupted, is that one.
pub(super) async fn create_condition(
    cx: Context,
    JsonBody(request): JsonBody<WaitConditionRequest>,
) -> Answer<WaitConditionRow> {
    let (context, request) = (&cx, &request);
    cx.create_row::<WaitConditionRow, _, _>(|mut tx| async move {
        // Of two that come at once for a run the second sees the first.
        lock(&mut tx, request.run).await?;
        let id = find_or_make(context, &mut tx, request).await?;
        Ok((tx, id))
    })
    .await
}

pub(super) async fn find_or_make(
    cx: &Context,
    tx: &mut Transaction,
    request: &WaitConditionRequest,
) -> ApiResult<Id> {
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

pub(super) async fn require_dynamic(tx: &mut Transaction, run: Id) -> ApiResult<()> {
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
