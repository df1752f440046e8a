//! Changes of a version, and of its stage.

use sea_query::{Expr, ExprTrait};
use serde::Deserialize;

use super::rules::{lock, refuse_taken, taken};
use super::{ModelVersionRow, Stage};
use crate::api::server::tagging::{TagNames, Taggable, retag};
use crate::framework::{Answer, Context, Resource, find_in};
use crate::http::error::{ApiError, ApiResult, if_taken};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{LongText, Name};
use crate::store::{Transaction, Update, Words};

#[derive(Debug, Deserialize)]
pub(super) struct ModelVersionUpdate {
    stage: Option<Stage>,
    #[serde(default)]
    force: bool,
    name: Option<Name>,
    description: Option<LongText>,
    add_tags: TagNames,
    remove_tags: TagNames,
}

pub(super) async fn update_version(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ModelVersionUpdate>,
) -> Answer<ModelVersionRow> {
    let model = cx.find::<ModelVersionRow>(id).await?.model_id;
    let (context, update) = (&cx, &update);
    cx.change::<ModelVersionRow, _, _>(id, |mut tx| async move {
        lock(&mut tx, model).await?;
        let version = find_in::<ModelVersionRow>(&mut tx, id).await?;
        let name = update.name.as_ref().map(Name::as_str);
        if let Some(name) = name {
            refuse_taken(&mut tx, model, name, Some(id)).await?;
        }
        if let Some(stage) = update.stage {
            leave_stage(context, &mut tx, &version, stage, update.force).await?;
        }
        let changed = Update::of("model_version", id, context.now())
            .maybe("stage", update.stage.map(Stage::as_str))
            .maybe("name", name)
            .maybe("description", update.description.clone())
            .run(&mut tx)
            .await;
        changed.map_err(if_taken(name, taken))?;
        retag(context, &mut tx, Taggable::ModelVersion, id, &update.add_tags, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}

/// One version of a model is in a stage: another one that is there is archived, if that is what the caller wants.
pub(super) async fn leave_stage(
    cx: &Context,
    tx: &mut Transaction,
    version: &ModelVersionRow,
    stage: Stage,
    force: bool,
) -> ApiResult<()> {
    let mut others = ModelVersionRow::select();
    others
        .and_where(Expr::col("model_id").eq(version.model_id))
        .and_where(Expr::col("stage").eq(stage.as_str()))
        .and_where(Expr::col("id").ne(version.id));
    let Some(other) = tx.fetch_optional::<ModelVersionRow>(&others).await? else { return Ok(()) };
    if !force {
        let message = format!(
            "The version '{}' is in the stage {}. Please say with `force` that it is to be archived.",
            other.name,
            stage.as_str()
        );
        return Err(ApiError::exists(message));
    }
    Update::of("model_version", other.id, cx.now()).set("stage", Stage::Archived.as_str()).run(tx).await?;
    Ok(())
}
