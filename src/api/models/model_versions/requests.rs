//! Making and changing model versions.

use axum::Json;
use sea_query::{Expr, ExprTrait, Func, Query as Sql};
use serde::Deserialize;
use strum::VariantNames;

use super::{ModelVersionRow, Stage};
use crate::api::models::models::ModelRow;
use crate::api::server::tagging::{TagReference, Taggable, plain_tags, remove_tags, set_tags};
use crate::framework::{Context, Resource, ResponseOf, find_in, find_project, require, require_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::{PathId, PathNameAndId};
use crate::http::query::QueryParams;
use crate::http::values::{LongText, Name, ShortText, check_name};
use crate::store::{Id, StoreError, Transaction, Update, Words, is_duplicate};

#[derive(Debug, Deserialize)]
pub(super) struct ModelVersionRequest {
    project: Id,
    model: Id,
    name: Option<ShortText>,
    description: Option<LongText>,
    stage: Option<ShortText>,
    #[serde(default, deserialize_with = "plain_tags")]
    tags: Vec<TagReference>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModelVersionUpdate {
    stage: Option<Stage>,
    #[serde(default)]
    force: bool,
    name: Option<Name>,
    description: Option<LongText>,
    #[serde(default, deserialize_with = "plain_tags")]
    add_tags: Vec<TagReference>,
    #[serde(default, deserialize_with = "plain_tags")]
    remove_tags: Vec<TagReference>,
}

pub(super) async fn create_version(
    cx: Context,
    mut query: QueryParams,
    JsonBody(request): JsonBody<ModelVersionRequest>,
) -> ApiResult<Json<ResponseOf<ModelVersionRow>>> {
    let model = query.uuid("model_id").map(Id);
    query.finish()?;
    create(&cx, query.text("project_name_or_id"), model, &request).await
}

/// The same, by the name of the project and the id of the model.
pub(super) async fn create_version_in(
    cx: Context,
    PathNameAndId(project, model): PathNameAndId,
    JsonBody(request): JsonBody<ModelVersionRequest>,
) -> ApiResult<Json<ResponseOf<ModelVersionRow>>> {
    create(&cx, Some(&project), Some(model), &request).await
}

async fn create(
    cx: &Context,
    project: Option<&str>,
    model: Option<Id>,
    request: &ModelVersionRequest,
) -> ApiResult<Json<ResponseOf<ModelVersionRow>>> {
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
    cx.answer::<ModelVersionRow>(id).await.map(Json)
}

/// A version's own name is neither a number nor a stage: those name versions already.
fn check_version_name(name: Option<&str>) -> ApiResult<()> {
    let Some(name) = name else { return Ok(()) };
    check_name("ModelVersion", name)?;
    if is_number(name) || Stage::VARIANTS.contains(&name.to_lowercase().as_str()) {
        let message = format!("'{name}' is a number or a stage, so no version can have it for a name.");
        return Err(ApiError::value(message));
    }
    Ok(())
}

/// Whether a version's name means its number.
pub(super) fn is_number(name: &str) -> bool {
    !name.is_empty() && name.chars().all(char::is_numeric)
}

/// Keeps the model's row locked: until the transaction ends, nobody else gives numbers or stages to its versions. It
/// has to come before any read: MySQL shows a transaction the rows as they were when it first read.
///
/// # Errors
/// The store's own.
pub(super) async fn lock(tx: &mut Transaction, model: Id) -> Result<(), StoreError> {
    let update = Sql::update()
        .table("model")
        .value("name", Expr::col("name"))
        .and_where(Expr::col("id").eq(model))
        .to_owned();
    tx.execute(&update).await.map(drop)
}

/// Keeps a version's row locked, as [`lock`] does the model's.
///
/// # Errors
/// The store's own.
pub(crate) async fn lock_version(tx: &mut Transaction, version: Id) -> Result<(), StoreError> {
    let update = Sql::update()
        .table("model_version")
        .value("name", Expr::col("name"))
        .and_where(Expr::col("id").eq(version))
        .to_owned();
    tx.execute(&update).await.map(drop)
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

async fn next_number(tx: &mut Transaction, model: Id) -> ApiResult<i64> {
    let greatest = Sql::select()
        .expr(Func::max(Expr::col("number")))
        .from("model_version")
        .and_where(Expr::col("model_id").eq(model))
        .to_owned();
    let greatest = tx.fetch_optional::<(Option<i64>,)>(&greatest).await?;
    Ok(greatest.and_then(|(number,)| number).unwrap_or(0) + 1)
}

async fn refuse_taken(tx: &mut Transaction, model: Id, name: &str, own: Option<Id>) -> ApiResult<()> {
    let mut select = ModelVersionRow::select();
    select.and_where(Expr::col("model_id").eq(model)).and_where(Expr::col("name").eq(name));
    match tx.fetch_optional::<ModelVersionRow>(&select).await? {
        Some(version) if Some(version.id) != own => Err(taken(name)),
        _ => Ok(()),
    }
}

fn taken(name: &str) -> ApiError {
    ApiError::exists(format!("The model has a version '{name}' already."))
}

pub(super) async fn update_version(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ModelVersionUpdate>,
) -> ApiResult<Json<ResponseOf<ModelVersionRow>>> {
    let model = cx.find::<ModelVersionRow>(id).await?.model_id;
    let (context, update) = (&cx, &update);
    let updated = cx.store.write(|mut tx| async move {
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
        changed.map_err(|error| match name {
            Some(name) if is_duplicate(&error) => taken(name),
            _ => error.into(),
        })?;
        set_tags(context, &mut tx, Taggable::ModelVersion, id, &update.add_tags).await?;
        remove_tags(context, &mut tx, Taggable::ModelVersion, id, &update.remove_tags).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    updated.await?;
    cx.answer::<ModelVersionRow>(id).await.map(Json)
}

/// One version of a model is in a stage: another one that is there is archived, if that is what the caller wants.
async fn leave_stage(
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
