//! Names and numbers of versions.

use axum::Json;
use sea_query::{Expr, ExprTrait, SimpleExpr};
use strum::VariantNames;
use uuid::Uuid;

use super::{ModelVersionRow, Stage};
use crate::framework::{Context, Resource, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::check_name;
use crate::store::{Id, StoreError, Transaction};

/// A version's own name is neither a number nor a stage: those name versions already.
pub(super) fn check_version_name(name: Option<&str>) -> ApiResult<()> {
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
    tx.lock_where("model", [Expr::col("id").eq(model)]).await
}

/// Keeps a version's row locked, as [`lock`] does the model's.
///
/// # Errors
/// The store's own.
pub(crate) async fn lock_version(tx: &mut Transaction, version: Id) -> Result<(), StoreError> {
    tx.lock_where("model_version", [Expr::col("id").eq(version)]).await
}

/// Deletes a version's link by its id, or by the name of what is linked: the one that meets the condition.
///
/// # Errors
/// 404 when there is none; the store's own.
pub(crate) async fn delete_link<R: Resource>(
    cx: &Context,
    version: Id,
    link: &str,
    named: impl Fn(&str) -> SimpleExpr,
) -> ApiResult<Json<()>> {
    let is_meant = &Uuid::try_parse(link).map_or_else(|_| named(link), |id| Expr::col("id").eq(Id(id)));
    let deleted = cx.store.write(|mut tx| async move {
        find_in::<ModelVersionRow>(&mut tx, version).await?;
        let mut select = R::select();
        select.and_where(Expr::col("model_version_id").eq(version)).and_where(is_meant.clone());
        let Some(found) = tx.fetch_optional::<R>(&select).await? else {
            let message = format!("\"The model version has no link with the name or ID '{link}'.\"");
            return Err(ApiError::key(message));
        };
        R::delete(&mut tx, found.id()).await?;
        Ok(tx.commit(()).await?)
    });
    deleted.await.map(Json)
}

pub(super) async fn refuse_taken(
    tx: &mut Transaction,
    model: Id,
    name: &str,
    own: Option<Id>,
) -> ApiResult<()> {
    let mut select = ModelVersionRow::select();
    select.and_where(Expr::col("model_id").eq(model)).and_where(Expr::col("name").eq(name));
    match tx.fetch_optional::<ModelVersionRow>(&select).await? {
        Some(version) if Some(version.id) != own => Err(taken(name)),
        _ => Ok(()),
    }
}

pub(super) fn taken(name: &str) -> ApiError {
    ApiError::exists(format!("The model has a version '{name}' already."))
}
