//! New logs, by themselves or with what they are of.

use serde::Deserialize;

use super::update::assign;
use super::{KIND, LogsRow};
use crate::api::runs::hook_invocations::HookInvocationRow;
use crate::api::runs::pipeline_runs::RunRow;
use crate::api::runs::steps::StepRow;
use crate::api::stacks::components::ComponentRow;
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Answer, Context, require, require_project};
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::json::JsonBody;
use crate::http::values::{LongText, ShortText, TextOr};
use crate::store::{Id, Transaction, fields};

pub(super) const CREATE: Permission = KIND.to(Verb::Create);
pub(crate) const UPDATE: Permission = KIND.to(Verb::Update);
/// What a route may do to the logs that come with a run or a step.
pub(crate) const ATTACHED: [Also; 2] =
    [Also::met(CREATE, "new logs"), Also::met(UPDATE, "logs that are there")];
/// Logs of whatever starts runs, which need no store.
pub(super) const RUNNER: &str = "runner";

/// Where a log is (contract schema LogsRequest). Its id may be the caller's: a log is often there before its run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogsRequest {
    id: Option<Id>,
    uri: Option<LongText>,
    project: Option<Id>,
    #[serde(default)]
    source: ShortText,
    artifact_store_id: Option<Id>,
    log_store_id: Option<Id>,
    pipeline_run_id: Option<Id>,
    step_run_id: Option<Id>,
    hook_invocation_id: Option<Id>,
}

/// Logs that come with a run or a step: known already, or to be made.
#[derive(Debug, Deserialize)]
#[serde(from = "TextOr<Id, Box<LogsRequest>>")]
pub(crate) enum LogsReference {
    Known(Id),
    New(Box<LogsRequest>),
}

impl From<TextOr<Id, Box<LogsRequest>>> for LogsReference {
    fn from(logs: TextOr<Id, Box<LogsRequest>>) -> Self {
        match logs {
            TextOr::Text(id) => Self::Known(id),
            TextOr::Object(request) => Self::New(request),
        }
    }
}

impl LogsReference {
    /// Checks that a log that is to be made has a store.
    ///
    /// # Errors
    /// 422 when it has none.
    pub(crate) fn check(&self) -> ApiResult<()> {
        match self {
            Self::Known(_) => Ok(()),
            Self::New(request) => request.check(),
        }
    }
}

/// Logs that are to be made with a change.
///
/// # Errors
/// 422 when one of them has no store.
pub(crate) fn checked(logs: Option<Vec<LogsRequest>>) -> ApiResult<Vec<LogsReference>> {
    let checked = |logs: LogsRequest| logs.check().map(|()| LogsReference::New(Box::new(logs)));
    logs.into_iter().flatten().map(checked).collect()
}

impl LogsRequest {
    fn check(&self) -> ApiResult<()> {
        let is_stored = self.artifact_store_id.or(self.log_store_id).is_some();
        if !is_stored && self.source.as_str() != RUNNER {
            return Err(ApiError::invalid_request("Give an artifact_store_id or a log_store_id."));
        }
        refuse_both(self.pipeline_run_id, self.step_run_id)
    }
}

/// The run or the step that logs come with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogsOwner {
    Run(Id),
    Step(Id),
}

/// A log is of a run or of a step.
pub(super) fn refuse_both(run: Option<Id>, step: Option<Id>) -> ApiResult<()> {
    match (run, step) {
        (Some(_), Some(_)) => Err(ApiError::invalid_request("Give a pipeline run or a step run, not both.")),
        _ => Ok(()),
    }
}

pub(super) async fn create_logs(cx: Context, JsonBody(request): JsonBody<LogsRequest>) -> Answer<LogsRow> {
    request.check()?;
    let Some(project) = request.project else {
        return Err(ApiError::invalid_request("Give the project of the log."));
    };
    let (context, request) = (&cx, &request);
    cx.create_row::<LogsRow, _, _>(|mut tx| async move {
        let id = insert(context, &mut tx, project, request).await?;
        Ok((tx, id))
    })
    .await
}

/// Inserts a log with all that a request says of it.
///
/// # Errors
/// 404 for what it refers to and isn't there; 409 for an id that another log has; the store's own.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    request: &LogsRequest,
) -> ApiResult<Id> {
    require_project(tx, project).await?;
    for store in [request.artifact_store_id, request.log_store_id] {
        require::<ComponentRow>(tx, store, project).await?;
    }
    require::<RunRow>(tx, request.pipeline_run_id, project).await?;
    require::<StepRow>(tx, request.step_run_id, project).await?;
    require::<HookInvocationRow>(tx, request.hook_invocation_id, project).await?;
    let id = request.id.unwrap_or_else(|| cx.new_id());
    let inserted = cx
        .insert("logs", id)
        .set_all(fields!(request; uri, source))
        .set("project_id", project)
        .set_all(fields!(
            request;
            pipeline_run_id, step_run_id, artifact_store_id, log_store_id, hook_invocation_id,
        ))
        .run(tx)
        .await;
    let taken = || ApiError::exists(format!("There are logs with the ID '{id}' already."));
    inserted.map_err(if_duplicate(taken))?;
    Ok(id)
}

/// Gives logs to the run or the step that they came with.
///
/// # Errors
/// 403 for a token that may not; as [`assign`] and [`insert`].
pub(crate) async fn attach(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    owner: LogsOwner,
    logs: &LogsReference,
    default_source: &str,
) -> ApiResult<()> {
    let (run, step) = match owner {
        LogsOwner::Run(id) => (Some(id), None),
        LogsOwner::Step(id) => (None, Some(id)),
    };
    match logs {
        LogsReference::Known(id) => {
            cx.require(UPDATE)?;
            assign(tx, *id, run, step).await
        }
        LogsReference::New(request) => {
            cx.require(CREATE)?;
            let mut request = LogsRequest { pipeline_run_id: run, step_run_id: step, ..(**request).clone() };
            if request.source.as_str().is_empty() {
                request.source = ShortText::try_from(default_source.to_owned()).unwrap_or_default();
            }
            insert(cx, tx, project, &request).await.map(drop)
        }
    }
}
