//! What a token may do with connectors beyond its scope.

use std::collections::HashSet;

use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr};
use uuid::Uuid;

use super::{KIND, ServiceConnectorRow};
use crate::auth::Scope;
use crate::auth::permissions::{Permission, Verb};
use crate::connectors;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, InIds, StoreError};

pub(super) const USE: Permission = KIND.to(Verb::Use);
pub(super) const SEE_SECRETS: Permission = KIND.to(Verb::Secrets);

/// A token of a piece of work uses the connectors of its stack, and no others.
///
/// # Errors
/// 403 for another one; the store's own.
pub(super) async fn require_use(cx: &Context, connector: Id) -> ApiResult<()> {
    match of_work(cx).await? {
        Some(own) if !own.contains(&connector) => Err(outside_of_work()),
        _ => Ok(()),
    }
}

/// # Errors
/// 403 for a token of a piece of work, whose stack has no connector that isn't kept.
pub(super) fn refuse_work(cx: &Context) -> ApiResult<()> {
    match cx.principal.scope().is_some_and(Scope::is_workload) {
        true => Err(outside_of_work()),
        false => Ok(()),
    }
}

fn outside_of_work() -> ApiError {
    let message =
        "The token used to authorize this request may use the service connectors of its stack only.";
    ApiError::illegal(message)
}

/// Those of the connectors that a token may use.
///
/// # Errors
/// The store's own.
pub(super) async fn only_of_work(
    cx: &Context,
    mut connectors: Vec<ServiceConnectorRow>,
) -> ApiResult<Vec<ServiceConnectorRow>> {
    if let Some(own) = of_work(cx).await? {
        connectors.retain(|connector| own.contains(&connector.id));
    }
    Ok(connectors)
}

/// Whether an answer about this one shows secrets: where its caller wants them, and its token has the scope. A token of
/// a piece of work sees those of its stack that no server serves, which its client has to use by itself.
///
/// # Errors
/// The store's own.
pub(super) async fn shows_secrets_of(
    cx: &Context,
    connector: &ServiceConnectorRow,
    asked: Option<bool>,
) -> ApiResult<bool> {
    if !may_see_secrets(cx, asked) {
        return Ok(false);
    }
    let is_served = connectors::find_listed(connector.kind()).is_some();
    Ok(of_work(cx).await?.is_none_or(|own| !is_served && own.contains(&connector.id)))
}

/// Whether an answer about many shows secrets.
pub(super) fn shows_secrets(cx: &Context, asked: Option<bool>) -> bool {
    may_see_secrets(cx, asked) && !cx.principal.scope().is_some_and(Scope::is_workload)
}

fn may_see_secrets(cx: &Context, asked: Option<bool>) -> bool {
    asked.unwrap_or(true) && cx.require(SEE_SECRETS).is_ok()
}

/// The connectors of the stack that the token's work is done on; none for a token that isn't bound to any work. One that is
/// bound to several was made from one of fewer, and uses no more than that one did.
async fn of_work(cx: &Context) -> Result<Option<HashSet<Id>>, StoreError> {
    let Some(scope) = cx.principal.scope().filter(|scope| scope.is_workload()) else { return Ok(None) };
    let stacks = [
        scope.pipeline_run_id.map(|run| on_stack_of(snapshots_of("pipeline_run", run))),
        scope.root_run_id.map(|run| on_stack_of(snapshots_of("pipeline_run", run))),
        scope.deployment_id.map(|deployment| on_stack_of(snapshots_of("deployment", deployment))),
        match scope.schedule_id {
            Some(schedule) => Some(Expr::col("stack_id").in_ids(stack_of_schedule(cx, schedule).await?)),
            None => None,
        },
    ];
    let mut of_all: Option<HashSet<Id>> = None;
    for of_stack in stacks.into_iter().flatten() {
        let components =
            Sql::select().column("component_id").from("stack_composition").and_where(of_stack).to_owned();
        let connectors = Sql::select()
            .column("connector_id")
            .from("stack_component")
            .and_where(Expr::col("id").in_subquery(components))
            .and_where(Expr::col("connector_id").is_not_null())
            .to_owned();
        let found: HashSet<Id> =
            cx.store.fetch_all::<(Id,)>(&connectors).await?.into_iter().map(|(id,)| id).collect();
        of_all = Some(match of_all {
            Some(others) => &others & &found,
            None => found,
        });
    }
    Ok(Some(of_all.unwrap_or_default()))
}

/// Whether a snapshot is what that run or deployment was made of.
fn snapshots_of(table: &'static str, id: Uuid) -> SimpleExpr {
    let own =
        Sql::select().column("snapshot_id").from(table).and_where(Expr::col("id").eq(Id(id))).to_owned();
    Expr::col("id").in_subquery(own)
}

/// Whether a component is on the stack of such a snapshot.
fn on_stack_of(snapshot: SimpleExpr) -> SimpleExpr {
    let stacks = Sql::select().column("stack_id").from("pipeline_snapshot").and_where(snapshot).to_owned();
    Expr::col("stack_id").in_subquery(stacks)
}

/// The stack of the snapshot that a schedule is of, which no piece of work puts another one beside.
async fn stack_of_schedule(cx: &Context, schedule: Uuid) -> Result<Option<Id>, StoreError> {
    let first = Sql::select()
        .column("stack_id")
        .from("pipeline_snapshot")
        .and_where(Expr::col("schedule_id").eq(Id(schedule)))
        .limit(1)
        .to_owned();
    Ok(cx.store.fetch_optional::<(Option<Id>,)>(&first).await?.and_then(|(stack,)| stack))
}
