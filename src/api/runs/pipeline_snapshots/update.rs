//! Changes of snapshots, and who has a name.

use sea_query::{Expr, ExprTrait};
use serde::Deserialize;

use super::create::SnapshotName;
use super::delete::unreferenced;
use super::{DELETE, SnapshotRow, UPDATE, detach_triggers};
use crate::api::server::tagging::{TagNames, Taggable, retag};
use crate::framework::{Answer, Context};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{LongText, check_name};
use crate::store::{Id, Transaction, Update};

#[derive(Debug, Deserialize)]
pub(super) struct SnapshotUpdate {
    pub name: Option<SnapshotName>,
    pub description: Option<LongText>,
    #[serde(default)]
    pub replace: Option<bool>,
    pub add_tags: TagNames,
    pub remove_tags: TagNames,
}

modelled!(SnapshotUpdate as PipelineSnapshotUpdate);

pub(super) fn name_taken(name: &str) -> ApiError {
    let message = format!(
        "A snapshot with the name '{name}' already exists for this pipeline. Set `replace` to take its name."
    );
    ApiError::exists(message)
}

/// Makes sure that the name is free in the pipeline. With `replace` whatever has it loses it, and goes if nothing
/// refers to it.
pub(super) async fn take_name(
    cx: &Context,
    tx: &mut Transaction,
    pipeline: Id,
    name: &str,
    replace: Option<bool>,
    own: Option<Id>,
) -> ApiResult<()> {
    let holder = tx
        .id_where("pipeline_snapshot", [Expr::col("pipeline_id").eq(pipeline), Expr::col("name").eq(name)])
        .await?;
    let Some(holder) = holder.filter(|id| Some(*id) != own) else { return Ok(()) };
    if replace != Some(true) {
        return Err(name_taken(name));
    }
    cx.require(UPDATE)?;
    let mut unused = unreferenced();
    if tx.fetch_optional::<(Id,)>(unused.and_where(Expr::col("id").eq(holder))).await?.is_some() {
        cx.require(DELETE)?;
        return <SnapshotRow as crate::framework::Resource>::delete(tx, holder).await;
    }
    tx.set_where("pipeline_snapshot", ("name", Option::<String>::None), [Expr::col("id").eq(holder)]).await?;
    detach_triggers(tx, holder).await
}

pub(super) async fn update_snapshot(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<SnapshotUpdate>,
) -> Answer<SnapshotRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, snapshot: SnapshotRow| async move {
        let mut change = Update::of("pipeline_snapshot", id, context.now());
        match &update.name {
            Some(SnapshotName::Named(name)) => {
                check_name("PipelineSnapshot", name.as_str())?;
                take_name(
                    context,
                    &mut tx,
                    snapshot.body.pipeline_id,
                    name.as_str(),
                    update.replace,
                    Some(id),
                )
                .await?;
                change = change.set("name", name.as_str());
            }
            Some(SnapshotName::None) => change = change.set("name", Option::<String>::None),
            None => {}
        }
        let description = update.description.as_ref().map(LongText::as_str).filter(|text| !text.is_empty());
        change.maybe("description", description).run(&mut tx).await?;
        if matches!(update.name, Some(SnapshotName::None)) {
            detach_triggers(&mut tx, id).await?;
        }
        retag(context, &mut tx, Taggable::PipelineSnapshot, id, &update.add_tags, &update.remove_tags)
            .await?;
        Ok(tx)
    })
    .await
}
