//! What is attached to triggers: copies of snapshots, each with what became of it when it was last started.

use axum::Json;
use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use serde_json::value::RawValue;
use sqlx_macros::FromRow;

use super::TriggerRow;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::runs::step_configuration::{Object, object};
use crate::framework::{ById, Context, Loader, find_in, grouped};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::{PathId, PathIds};
use crate::http::query::QueryParams;
use crate::store::{Id, InIds, JoinById, JsonText, StoreError, Transaction};

const TABLE: &str = "trigger_snapshot";

/// A copy that a trigger starts, and the snapshot that it was made of.
#[derive(Debug, FromRow)]
pub(super) struct Link {
    trigger_id: Id,
    pub snapshot_id: Id,
    source_snapshot_id: Option<Id>,
    pub dispatch_state: Option<JsonText>,
}

impl Link {
    /// What people know it by.
    pub(super) fn shown_id(&self) -> Id {
        self.source_snapshot_id.unwrap_or(self.snapshot_id)
    }

    fn is_of(&self, snapshot: Id) -> bool {
        self.snapshot_id == snapshot || self.source_snapshot_id == Some(snapshot)
    }
}

fn select() -> SelectStatement {
    Sql::select()
        .columns(["trigger_id", "snapshot_id"].map(|column| (TABLE, column)))
        .column(("pipeline_snapshot", "source_snapshot_id"))
        .column((TABLE, "dispatch_state"))
        .from(TABLE)
        .join_by_id("pipeline_snapshot", (TABLE, "snapshot_id"))
        .to_owned()
}

/// What is attached to each of these triggers, in the order in which it was.
pub(super) async fn of_triggers(loader: &Loader<'_>, rows: &[TriggerRow]) -> ApiResult<ById<Vec<Link>>> {
    if rows.is_empty() {
        return Ok(ById::new());
    }
    let mut query = select();
    query
        .and_where(Expr::col((TABLE, "trigger_id")).in_ids(rows.iter().map(|row| row.id)))
        .order_by((TABLE, "created_at"), Order::Asc)
        .order_by((TABLE, "snapshot_id"), Order::Asc);
    let links: Vec<Link> = loader.store.fetch_all(&query).await?;
    Ok(grouped(links.into_iter().map(|link| (link.trigger_id, link))))
}

/// What is attached to a trigger of that snapshot, or as that copy; without one all of it.
pub(super) async fn attached(
    tx: &mut Transaction,
    trigger: Id,
    snapshot: Option<Id>,
) -> Result<Vec<Link>, StoreError> {
    let mut query = select();
    query.and_where(Expr::col((TABLE, "trigger_id")).eq(trigger));
    let links: Vec<Link> = tx.fetch_all(&query).await?;
    Ok(links.into_iter().filter(|link| snapshot.is_none_or(|snapshot| link.is_of(snapshot))).collect())
}

/// Takes these from their trigger.
pub(super) async fn detach(tx: &mut Transaction, links: &[Link]) -> Result<(), StoreError> {
    for link in links {
        tx.delete_where(
            TABLE,
            [Expr::col("trigger_id").eq(link.trigger_id), Expr::col("snapshot_id").eq(link.snapshot_id)],
        )
        .await?;
    }
    Ok(())
}

/// Takes all that is attached from a trigger.
pub(super) async fn detach_all(tx: &mut Transaction, trigger: Id) -> Result<(), StoreError> {
    let of_trigger = Expr::col("trigger_id").eq(trigger);
    tx.delete_where(TABLE, [of_trigger]).await.map(drop)
}

/// 404 for a snapshot that a trigger doesn't start.
fn not_attached(trigger: Id, snapshot: Id) -> ApiError {
    ApiError::key(format!("\"The snapshot {snapshot} is not attached to the trigger {trigger}\""))
}

/// Detaches a snapshot, by its own id or its copy's.
pub(super) async fn detach_snapshot(cx: Context, PathIds(id, snapshot): PathIds) -> ApiResult<Json<()>> {
    cx.find::<TriggerRow>(id).await?;
    cx.find::<SnapshotRow>(snapshot).await?;
    let detached = cx.store.write(|mut tx| async move {
        find_in::<TriggerRow>(&mut tx, id).await?;
        let links = attached(&mut tx, id, Some(snapshot)).await?;
        if links.is_empty() {
            return Err(not_attached(id, snapshot));
        }
        detach(&mut tx, &links).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    detached.await?;
    Ok(Json(()))
}

/// Forgets what went wrong when a snapshot was last started, or any of them.
pub(super) async fn clear_errors(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<()>> {
    let snapshot = query.uuid("snapshot_id").map(Id);
    query.finish()?;
    cx.find::<TriggerRow>(id).await?;
    let cleared = cx.store.write(|mut tx| async move {
        find_in::<TriggerRow>(&mut tx, id).await?;
        let mut links = attached(&mut tx, id, None).await?;
        if let Some(snapshot) = snapshot {
            links.retain(|link| link.source_snapshot_id == Some(snapshot));
            if links.is_empty() {
                return Err(not_attached(id, snapshot));
            }
        }
        for link in links {
            let Some(JsonText(state)) = &link.dispatch_state else { continue };
            tx.set_where(
                TABLE,
                ("dispatch_state", without_error(state)),
                [Expr::col("trigger_id").eq(link.trigger_id), Expr::col("snapshot_id").eq(link.snapshot_id)],
            )
            .await?;
        }
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    cleared.await?;
    Ok(Json(()))
}

/// A state without its error: nothing is left of one that is nothing else.
fn without_error(state: &RawValue) -> Option<String> {
    const CLEARED: [(&str, &str); 7] = [
        ("last_error_message", "null"),
        ("last_error_type", "null"),
        ("last_error_severity", "null"),
        ("last_error_stack_trace", "null"),
        ("last_error_at", "null"),
        ("first_error_at", "null"),
        ("last_error_count", "0"),
    ];
    let mut state: Object = object(state.get());
    if state.get("last_status").is_none_or(|status| status.get() == r#""ERROR""#) {
        return None;
    }
    for (field, value) in CLEARED {
        state.insert(field.to_owned(), RawValue::from_string(value.to_owned()).ok()?);
    }
    serde_json::to_string(&state).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_forgotten_and_a_success_stays() {
        let cleared = |state: &str| without_error(&RawValue::from_string(state.to_owned()).unwrap());
        assert_eq!(cleared(r#"{"last_status": "ERROR", "last_error_count": 3}"#), None);
        let kept =
            cleared(r#"{"last_status": "SUCCESS", "last_error_count": 3, "last_error_type": "X"}"#).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        assert_eq!((&kept["last_status"], &kept["last_error_count"]), (&"SUCCESS".into(), &0.into()));
        assert!(kept["last_error_type"].is_null());
    }
}
