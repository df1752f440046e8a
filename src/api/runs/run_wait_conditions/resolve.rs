//! Somebody answers what a run waits for.

use serde::Deserialize;
use serde_json::Value;

use super::WaitConditionRow;
use super::create::{ConditionStatus, Resolution};
use super::update::wait_to_be_resumed;
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::pipeline_runs::{follow, lock};
use crate::framework::{Answer, Context, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::json_schema::{self, Unfit};
use crate::store::{Update, Words};

pub(super) const WAITS: &str = "The run waits for somebody's answer.";
pub(super) const WAITS_TO_BE_RESUMED: &str = "The run waits to be resumed by hand.";
pub(super) const ABORTED: &str = "What the run waited for was answered with an abort.";

#[derive(Debug, Deserialize)]
pub(super) struct ResolveRequest {
    resolution: Resolution,
    result: Option<Value>,
}

pub(super) fn value(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// Answers what a run waits for.
pub(super) async fn resolve_condition(
    cx: Context,
    PathId(id): PathId,
    JsonBody(answer): JsonBody<ResolveRequest>,
) -> Answer<WaitConditionRow> {
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
    cx.answer::<WaitConditionRow>(id).await
}

impl ResolveRequest {
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

pub(super) fn refusal(unfit: Unfit) -> ApiError {
    let reason = match unfit {
        Unfit::Schema(reason) => format!("The schema of the wait condition is none: {reason}"),
        Unfit::Value(reason) => format!("The result does not fit the schema: {reason}"),
    };
    ApiError::value(reason)
}

pub(super) fn illegal(message: &str) -> ApiError {
    ApiError::illegal(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(resolution: &str, result: Value, has_schema: bool) -> Result<Option<Value>, ()> {
        let answer: ResolveRequest =
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
