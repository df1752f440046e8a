//! Secrets that belong to something else, such as what a webhook's deliveries are signed with. Nobody sees them but what
//! they belong to.

use sea_query::{Expr, ExprTrait, Query as Sql};
use secrecy::SecretString;

use super::values::SecretValues;
use super::{require_store, seal};
use crate::app::App;
use crate::framework::Context;
use crate::http::error::ApiResult;
use crate::store::{Id, Timestamp, Transaction, Update};

/// One value by its name, encrypted, before the transaction that keeps it.
///
/// # Errors
/// 501 where the operator wants no secrets kept; 400 for one that is too long.
pub(crate) fn seal_one(cx: &Context, name: &str, value: &SecretString) -> ApiResult<String> {
    require_store(cx)?;
    seal(cx, &SecretValues::one(name, value.clone()))
}

/// Keeps a secret under a name that no other one has.
///
/// # Errors
/// The store's own.
pub(crate) async fn keep_internal(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    name: &str,
    sealed: &str,
) -> ApiResult<()> {
    let insert = cx.insert("secret", id).set("name", name).set("private", false).set("internal", true);
    Ok(insert.set("values", sealed).run(tx).await?)
}

/// Puts others in the place of an internal secret's values.
///
/// # Errors
/// The store's own.
pub(crate) async fn replace_internal(
    tx: &mut Transaction,
    id: Id,
    sealed: &str,
    now: Timestamp,
) -> ApiResult<()> {
    Ok(Update::of("secret", id, now).set("values", sealed).run(tx).await?)
}

/// # Errors
/// The store's own.
pub(crate) async fn delete_internal(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    let secret = Expr::col("id").eq(id).and(Expr::col("internal").eq(true));
    tx.execute(&Sql::delete().from_table("secret").and_where(secret).to_owned()).await?;
    Ok(())
}

/// One value of an internal secret, by what its column holds; None when it isn't there, or was encrypted with another key.
pub(crate) fn open_one(app: &App, name: &str, stored: &[u8]) -> Option<SecretString> {
    app.secrets.cipher.open(stored)?.take(name)
}
