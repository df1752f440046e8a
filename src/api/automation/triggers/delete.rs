//! The end of triggers.

use axum::Json;

use super::TriggerRow;
use crate::framework::{Context, Resource, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::Update;

/// Archives a trigger, so that its name is free and nothing is attached to it; with `soft=false` it is gone.
pub(super) async fn delete_trigger(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<()>> {
    let is_soft = query.flag("soft").unwrap_or(true);
    query.finish()?;
    let suffix = hex::encode(cx.env.random.bytes::<4>());
    let suffix = suffix.as_str();
    let deleted = cx.store.write(|mut tx| async move {
        let trigger = find_in::<TriggerRow>(&mut tx, id).await?;
        if !is_soft {
            TriggerRow::delete(&mut tx, id).await?;
            return Ok(tx.commit(()).await?);
        }
        if trigger.body.is_archived {
            return Err(ApiError::illegal("The trigger is archived already."));
        }
        let archive = Update::unnoted("trigger", id)
            .set("is_archived", true)
            .set("active", false)
            .set("name", archived_name(&trigger.body.name, suffix));
        archive.run(&mut tx).await?;
        super::links::detach_all(&mut tx, id).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    deleted.await?;
    Ok(Json(()))
}

/// A name that no other trigger has, and no longer than MySQL's column.
fn archived_name(name: &str, suffix: &str) -> String {
    const KEPT: usize = 255 - "_(00000000)".len();
    let kept: String = name.chars().take(KEPT).collect();
    format!("{kept}_({suffix})")
}
