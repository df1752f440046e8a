//! Names and numbers of versions.

use sea_query::{Expr, ExprTrait};
use strum::VariantNames;

use super::{ModelVersionRow, Stage};
use crate::framework::Resource;
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
    tx.set_where("model", ("name", Expr::col("name")), [Expr::col("id").eq(model)]).await.map(drop)
}

/// Keeps a version's row locked, as [`lock`] does the model's.
///
/// # Errors
/// The store's own.
pub(crate) async fn lock_version(tx: &mut Transaction, version: Id) -> Result<(), StoreError> {
    tx.set_where("model_version", ("name", Expr::col("name")), [Expr::col("id").eq(version)]).await.map(drop)
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
