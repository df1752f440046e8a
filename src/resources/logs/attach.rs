//! Logs that come with a run or a step.

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Deserialize;

use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::values::{LongText, ShortText};
use crate::store::{Id, Insert, Transaction, is_duplicate};

/// Logs that are there already, or what they are to be.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum LogsReference {
    Known(Id),
    New(Box<NewLogs>),
}

/// Logs that are to be made (contract schema LogsRequest).
#[derive(Debug, Deserialize)]
pub struct NewLogs {
    id: Option<Id>,
    uri: Option<LongText>,
    #[serde(default)]
    source: ShortText,
    artifact_store_id: Option<Id>,
    log_store_id: Option<Id>,
}

/// Whose logs they are: the column, and the id in it.
pub type Owner = (&'static str, Id);

/// Gives logs to a run or a step.
///
/// # Errors
/// 404 for logs that aren't there, 409 for a source that the owner has logs of; the store's own.
pub async fn attach(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    owner: Owner,
    logs: &LogsReference,
    default_source: &str,
) -> ApiResult<()> {
    match logs {
        LogsReference::Known(id) => attach_known(cx, tx, project, owner, *id).await,
        LogsReference::New(logs) => insert(cx, tx, project, owner, logs, default_source).await,
    }
}

async fn attach_known(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    (column, owner): Owner,
    id: Id,
) -> ApiResult<()> {
    let known = Sql::select()
        .columns(["pipeline_run_id", "step_run_id"])
        .from("logs")
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("project_id").eq(project))
        .to_owned();
    let found: Option<(Option<Id>, Option<Id>)> = tx.fetch_optional(&known).await?;
    let Some((run, step)) = found else {
        let message = format!("\"No logs with the ID '{id}' were found in the project.\"");
        return Err(ApiError::new(ErrorKind::KeyError, message));
    };
    if run.or(step).is_some_and(|other| other != owner) {
        let message = format!("The logs '{id}' belong to another run or step already.");
        return Err(ApiError::new(ErrorKind::EntityExistsError, message));
    }
    let update = Sql::update()
        .table("logs")
        .value(column, owner)
        .value("updated", cx.now())
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    tx.execute(&update).await?;
    Ok(())
}

async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    project: Id,
    (column, owner): Owner,
    logs: &NewLogs,
    default_source: &str,
) -> ApiResult<()> {
    let source = Some(logs.source.as_str()).filter(|source| !source.is_empty()).unwrap_or(default_source);
    let same = Sql::select()
        .column("id")
        .from("logs")
        .and_where(Expr::col(column).eq(owner))
        .and_where(Expr::col("source").eq(source))
        .to_owned();
    let taken = || {
        let message = format!("Logs of the source '{source}' are there already.");
        ApiError::new(ErrorKind::EntityExistsError, message)
    };
    if tx.fetch_optional::<(Id,)>(&same).await?.is_some() {
        return Err(taken());
    }
    let inserted = Insert::into("logs")
        .stamped(logs.id.unwrap_or_else(|| cx.new_id()), cx.now())
        .set("uri", logs.uri.as_ref().map(LongText::as_str))
        .set("source", source)
        .set("project_id", project)
        .set("user_id", cx.user_id())
        .set("artifact_store_id", logs.artifact_store_id)
        .set("log_store_id", logs.log_store_id)
        .set(column, owner)
        .run(tx)
        .await;
    inserted.map_err(|error| if is_duplicate(&error) { taken() } else { error.into() })
}
