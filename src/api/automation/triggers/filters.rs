//! Lists of triggers. Some of what they are narrowed by has no operators, and narrows whatever the filters are joined by.

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use uuid::Uuid;

use super::TriggerRow;
use crate::framework::{Context, PageAnswer, Resource, list_of};
use crate::http::error::{ApiError, ApiResult};
use crate::http::list::ListRequest;
use crate::http::query::QueryParams;
use crate::store::{Id, JoinById};

/// Values of one of these at most.
const MOST: usize = 200;

/// A page of triggers: of those that are archived only when they are asked for.
pub(super) async fn list_triggers(
    cx: Context,
    mut query: QueryParams,
    list: ListRequest<TriggerRow>,
) -> ApiResult<PageAnswer<TriggerRow>> {
    let is_archived = query.flag("is_archived").unwrap_or(false);
    let mut select = TriggerRow::select();
    select.and_where(Expr::col("is_archived").eq(is_archived));
    for column in ["type", "flavor"] {
        if let Some(words) = values(&query, column)? {
            select.and_where(Expr::col(column).is_in(words));
        }
    }
    if let Some(attached) = attached(&query)? {
        select.and_where(Expr::exists(attached));
    }
    list_of(&cx, &list, select).await
}

/// What is attached to the trigger that the query around it is about, of one snapshot and pipeline of those that are named.
/// A snapshot is found by itself, and by its copy.
fn attached(query: &QueryParams) -> ApiResult<Option<SelectStatement>> {
    let (snapshots, pipelines) = (ids(query, "snapshot_id")?, ids(query, "pipeline_id")?);
    if snapshots.is_none() && pipelines.is_none() {
        return Ok(None);
    }
    let mut select = Sql::select();
    select
        .column(("trigger_snapshot", "snapshot_id"))
        .from("trigger_snapshot")
        .join_by_id("pipeline_snapshot", ("trigger_snapshot", "snapshot_id"))
        .and_where(Expr::col(("trigger_snapshot", "trigger_id")).equals(("trigger", "id")));
    if let Some(pipelines) = pipelines {
        select.and_where(Expr::col(("pipeline_snapshot", "pipeline_id")).is_in(pipelines));
    }
    if let Some(snapshots) = snapshots {
        let itself = Expr::col(("trigger_snapshot", "snapshot_id")).is_in(snapshots.iter().copied());
        let source = Expr::col(("pipeline_snapshot", "source_snapshot_id")).is_in(snapshots);
        select.and_where(itself.or(source));
    }
    Ok(Some(select))
}

fn ids(query: &QueryParams, name: &str) -> ApiResult<Option<Vec<Id>>> {
    let Some(texts) = values(query, name)? else { return Ok(None) };
    let id = |text: String| {
        let refuse = |_| ApiError::value(format!("{name}: '{text}' is no UUID."));
        Uuid::try_parse(&text).map(Id).map_err(refuse)
    };
    texts.into_iter().map(id).collect::<ApiResult<Vec<Id>>>().map(Some)
}

/// All values of a parameter, if it was sent.
fn values(query: &QueryParams, name: &str) -> ApiResult<Option<Vec<String>>> {
    let values: Vec<String> = query.texts(name).map(str::to_owned).collect();
    match values.len() {
        0 => Ok(None),
        1..=MOST => Ok(Some(values)),
        _ => Err(ApiError::unprocessable(format!("{name}: a list takes at most {MOST} values of it."))),
    }
}
