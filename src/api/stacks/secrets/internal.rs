//! Secrets that are a part of something else: nobody lists or reads them by themselves.

use sea_query::{Expr, Query as Sql};
use secrecy::SecretString;

use super::values::SecretValues;
use super::{SecretRow, StoredValues, require_store, seal};
use crate::auth::cipher::SecretCipher;
use crate::framework::{ById, Context, delete_row};
use crate::http::error::ApiResult;
use crate::store::{Id, InIds, Stored, Transaction, Update};

/// Values as they are kept.
#[derive(Debug, Clone)]
pub(crate) struct SealedValues(String);

/// Encrypts values; None when there are none.
///
/// # Errors
/// 400 for more than a secret may hold; 501 where the operator wants none kept.
pub(crate) fn seal_internal(cx: &Context, values: &SecretValues) -> ApiResult<Option<SealedValues>> {
    if values.is_empty() {
        return Ok(None);
    }
    require_store(cx)?;
    seal(cx, values).map(|sealed| Some(SealedValues(sealed)))
}

/// Encrypts one value by its name.
///
/// # Errors
/// As [`seal_internal`].
pub(crate) fn seal_one(cx: &Context, name: &str, value: &SecretString) -> ApiResult<SealedValues> {
    require_store(cx)?;
    seal(cx, &SecretValues::one(name, value.clone())).map(SealedValues)
}

/// Keeps values under a name. It is the principal's, as what it is a part of.
///
/// # Errors
/// The store's own.
pub(crate) async fn insert_internal(
    cx: &Context,
    tx: &mut Transaction,
    name: &str,
    SealedValues(sealed): &SealedValues,
) -> ApiResult<Id> {
    let id = cx.new_id();
    let insert = cx.insert(SecretRow::TABLE, id).set("name", name).set("private", false);
    insert.set("internal", true).set("values", sealed.as_str()).run(tx).await?;
    Ok(id)
}

/// Keeps other values in the same secret.
///
/// # Errors
/// The store's own.
pub(crate) async fn replace_internal(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    SealedValues(sealed): &SealedValues,
) -> ApiResult<()> {
    Ok(Update::of(SecretRow::TABLE, id, cx.now()).set("values", sealed.as_str()).run(tx).await?)
}

/// Deletes the secret of something that goes.
///
/// # Errors
/// The store's own.
pub(crate) async fn delete_internal(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    delete_row::<SecretRow>(tx, id).await
}

/// The values of these secrets. Those that aren't there, or that another key has encrypted, are left out.
///
/// # Errors
/// The store's own.
pub(crate) async fn open_internal(cx: &Context, ids: Vec<Id>) -> ApiResult<ById<SecretValues>> {
    if ids.is_empty() {
        return Ok(ById::new());
    }
    let query = Sql::select()
        .columns(["id", "values"])
        .from(SecretRow::TABLE)
        .and_where(Expr::col("id").in_ids(ids))
        .to_owned();
    let stored: Vec<(Id, Option<Vec<u8>>)> = cx.store.fetch_all(&query).await?;
    let opened = stored.into_iter().filter_map(|(id, values)| {
        let values: StoredValues = (values,);
        Some((id, super::open(cx, Some(values))?))
    });
    Ok(opened.collect())
}

/// One value by its name, of what a secret's column holds; None when it isn't there, or another key has encrypted it.
pub(crate) fn open_one(cipher: &SecretCipher, name: &str, stored: &[u8]) -> Option<SecretString> {
    cipher.open(stored)?.take(name)
}
