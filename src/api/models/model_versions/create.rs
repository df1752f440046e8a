//! New versions of models.

use sea_query::{Expr, ExprTrait, Func, Query as Sql};
use serde::Deserialize;

use super::ModelVersionRow;
use super::rules::{check_version_name, lock, refuse_taken};
use crate::api::models::models::ModelRow;
use crate::api::server::tagging::{TagNames, Taggable, set_tags};
use crate::framework::{Answer, Context, find_project, require, require_project};
use crate::http::error::ApiResult;
use crate::http::json::JsonBody;
use crate::http::path::PathNameAndId;
use crate::http::query::QueryParams;
use crate::http::values::{LongText, ShortText};
use crate::store::{Id, Transaction};

#[derive(Debug, Deserialize)]
pub(super) struct ModelVersionRequest {
    project: Id,
    model: Id,
    name: Option<ShortText>,
    description: Option<LongText>,
    stage: Option<ShortText>,
    tags: TagNames,
}

pub(super) async fn create_version(
    cx: Context,
    mut query: QueryParams,
    JsonBody(request): JsonBody<ModelVersionRequest>,
) -> Answer<ModelVersionRow> {
    let model = query.uuid("model_id").map(Id);
    query.finish()?;
    create(&cx, query.text("project_name_or_id"), model, &request).await
}

/// The same, by the name of the project and the id of the model.
pub(super) async fn create_version_in(
    cx: Context,
    PathNameAndId(project, model): PathNameAndId,
    JsonBody(request): JsonBody<ModelVersionRequest>,
) -> Answer<ModelVersionRow> {
    create(&cx, Some(&project), Some(model), &request).await
}

pub(super) async fn create(
    cx: &Context,
    project: Option<&str>,
    model: Option<Id>,
    request: &ModelVersionRequest,
) -> Answer<ModelVersionRow> {
    let name = request.name.as_ref().map(ShortText::as_str).filter(|name| !name.is_empty());
    check_version_name(name)?;
    let project = match project {
        Some(project) => find_project(cx, Some(project)).await?,
        None => request.project,
    };
    let model = model.unwrap_or(request.model);
    let made = cx.create_numbered(|mut tx| async move {
        lock(&mut tx, model).await?;
        require_project(&mut tx, project).await?;
        require::<ModelRow>(&mut tx, Some(model), project).await?;
        let version = NewVersion {
            project,
            model,
            name,
            description: request.description.as_ref().map(LongText::as_str),
            stage: request.stage.as_ref().map(ShortText::as_str),
            producer_run: None,
        };
        let id = version.insert(cx, &mut tx).await?;
        set_tags(cx, &mut tx, Taggable::ModelVersion, id, &request.tags).await?;
        Ok((tx, id))
    });
    let id = made.await?;
    cx.answer::<ModelVersionRow>(id).await
}

/// A model version to insert.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewVersion<'a> {
    pub project: Id,
    pub model: Id,
    /// None for a version that is named by its number.
    pub name: Option<&'a str>,
    pub description: Option<&'a str>,
    pub stage: Option<&'a str>,
    /// The run that makes it: of one run there is one numbered version of a model.
    pub producer_run: Option<Id>,
}

impl NewVersion<'_> {
    /// # Errors
    /// 409 for a name that another version of the model has; the store's own.
    pub(super) async fn insert(&self, cx: &Context, tx: &mut Transaction) -> ApiResult<Id> {
        let Self { project, model, name, description, stage, producer_run } = *self;
        if let Some(name) = name {
            refuse_taken(tx, model, name, None).await?;
        }
        let id = cx.new_id();
        let number = next_number(tx, model).await?;
        let producer = producer_run.filter(|_| name.is_none()).unwrap_or(id);
        cx.insert("model_version", id)
            .set("name", name.map_or_else(|| number.to_string(), str::to_owned))
            .set("project_id", project)
            .set("model_id", model)
            .set("number", number)
            .set("description", description)
            .set("stage", stage)
            .set("producer_run_id_if_numeric", producer)
            .run(tx)
            .await?;
        Ok(id)
    }
}

pub(super) async fn next_number(tx: &mut Transaction, model: Id) -> ApiResult<i64> {
    let greatest = Sql::select()
        .expr(Func::max(Expr::col("number")))
        .from("model_version")
        .and_where(Expr::col("model_id").eq(model))
        .to_owned();
    let greatest = tx.fetch_optional::<(Option<i64>,)>(&greatest).await?;
    Ok(greatest.and_then(|(number,)| number).unwrap_or(0) + 1)
}
