//! What holds for all secrets: whether there are any here, and whose names are free.

use sea_query::{Expr, ExprTrait};

use super::SecretRow;
use crate::config::SecretsStoreType;
use crate::framework::{Context, Resource};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, Transaction};

/// As in ZenML, where none are kept those from before can be seen in the list, and no more.
///
/// # Errors
/// 501 where the operator wants none kept.
pub(super) fn require_store(cx: &Context) -> ApiResult<()> {
    match cx.secrets.kind {
        SecretsStoreType::Sql => Ok(()),
        SecretsStoreType::None => Err(ApiError::not_implemented(
            "This server keeps no secrets: its ZENML_SECRETS_STORE_TYPE is none.",
        )),
    }
}

/// A public name is taken for all; a private one for its owner.
pub(super) async fn refuse_taken(
    tx: &mut Transaction,
    name: &str,
    private: bool,
    owner: Option<Id>,
    own: Option<Id>,
) -> ApiResult<()> {
    let mut select = SecretRow::select();
    select.and_where(Expr::col("name").eq(name)).and_where(Expr::col("private").eq(private));
    if private {
        select.and_where(Expr::col("user_id").eq(owner));
    }
    let others = tx.fetch_all::<SecretRow>(&select).await?;
    if others.iter().any(|other| Some(other.id) != own) { Err(taken(name, private)) } else { Ok(()) }
}

pub(super) fn taken(name: &str, private: bool) -> ApiError {
    let scope = if private { "private" } else { "public" };
    let message = format!("There is an existing {scope} secret with the name '{name}'.");
    ApiError::exists(message)
}
