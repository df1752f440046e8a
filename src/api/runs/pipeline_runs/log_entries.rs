//! What the logs of a run or of a step say.

use axum::response::Response;
use sea_query::{Expr, ExprTrait, Order};

use super::RunRow;
use crate::api::runs::logs::{LogsRow, entries};
use crate::api::runs::steps::StepRow;
use crate::framework::{Context, Resource};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::Id;

/// Logs of whatever starts runs.
const RUNNER: &str = "runner";

/// Which of several logs is meant.
enum Meant {
    Source(String),
    Id(Id),
}

impl Meant {
    fn read(mut query: QueryParams) -> ApiResult<Self> {
        let id = query.uuid("logs_id").map(Id);
        query.finish()?;
        match (query.text("source"), id) {
            (Some(source), None) => Ok(Self::Source(source.to_owned())),
            (None, Some(id)) => Ok(Self::Id(id)),
            _ => {
                let message = "Give the source or the logs_id of the logs, and only one of them.";
                Err(ApiError::value(message))
            }
        }
    }
}

pub(super) async fn get_run_logs(cx: Context, PathId(id): PathId, query: QueryParams) -> ApiResult<Response> {
    let meant = Meant::read(query)?;
    cx.find::<RunRow>(id).await?;
    match find(&cx, "pipeline_run_id", id, &meant).await? {
        Some(logs) => entries(&cx, &logs).await,
        None if matches!(&meant, Meant::Source(source) if source == RUNNER) => {
            let message = "This server starts no runs, so it has no logs of their runners.";
            Err(ApiError::value(message))
        }
        None => Err(unknown("run", id)),
    }
}

pub(crate) async fn get_step_logs(
    cx: Context,
    PathId(id): PathId,
    query: QueryParams,
) -> ApiResult<Response> {
    let meant = Meant::read(query)?;
    cx.find::<StepRow>(id).await?;
    match find(&cx, "step_run_id", id, &meant).await? {
        Some(logs) => entries(&cx, &logs).await,
        None => Err(unknown("step", id)),
    }
}

/// The oldest log that is meant.
async fn find(cx: &Context, owner: &'static str, id: Id, meant: &Meant) -> ApiResult<Option<LogsRow>> {
    let mut select = LogsRow::select();
    select.and_where(Expr::col(owner).eq(id));
    match meant {
        Meant::Source(source) => select.and_where(Expr::col("source").eq(source.as_str())),
        Meant::Id(logs) => select.and_where(Expr::col("id").eq(*logs)),
    };
    select.order_by("created", Order::Asc).limit(1);
    Ok(cx.store.fetch_optional(&select).await?)
}

fn unknown(kind: &str, id: Id) -> ApiError {
    ApiError::key(format!("\"The {kind} {id} has no such logs.\""))
}
