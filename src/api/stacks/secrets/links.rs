//! Which secrets a stack or a component gives to what runs on it.

use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use serde::{Deserialize, Deserializer};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::{KIND, SecretRow};
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{ById, Context, Loader, Resource, grouped};
use crate::http::error::{ApiError, ApiResult};
use crate::http::filter::by_name_or_id;
use crate::http::values::at_most;
use crate::store::{Id, InIds, Insert, JoinById, Transaction, Words, is_duplicate};

const READ: Permission = KIND.to(Verb::Read);
/// What a route may do that gives secrets to what it makes or changes: whoever uses that may read them.
pub(crate) const LINKED: [Also; 1] = [Also::met(READ, "secrets")];

/// What secrets are linked to (contract schema SecretResourceTypes): the word in the store.
#[derive(Debug, Clone, Copy, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Linkable {
    Stack,
    StackComponent,
}

/// Names or ids of secrets; null is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecretNames(Vec<String>);

impl<'de> Deserialize<'de> for SecretNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names: Option<Vec<String>> = at_most::<200, _, _>(deserializer)?;
        Ok(Self(names.unwrap_or_default()))
    }
}

/// Ids of the secrets of each of these things, in the order of their names; when metadata is wanted.
///
/// # Errors
/// The store's own.
pub(crate) async fn linked_secrets(
    loader: &Loader<'_>,
    kind: Linkable,
    ids: &[Id],
) -> ApiResult<ById<Vec<Id>>> {
    if ids.is_empty() || !loader.metadata {
        return Ok(ById::new());
    }
    let query = Sql::select()
        .columns([("secret_resource", "resource_id"), ("secret_resource", "secret_id")])
        .from("secret_resource")
        .join_by_id("secret", ("secret_resource", "secret_id"))
        .and_where(Expr::col(("secret_resource", "resource_type")).eq(kind.as_str()))
        .and_where(Expr::col(("secret_resource", "resource_id")).in_ids(ids.iter().copied()))
        .order_by(("secret", "name"), Order::Asc)
        .to_owned();
    Ok(grouped(loader.store.fetch_all(&query).await?))
}

/// Links and unlinks secrets that the principal may see.
///
/// # Errors
/// 403 for a token that may not; 404 for a secret that isn't there, or is another's private one; the store's own.
pub(crate) async fn change_links(
    cx: &Context,
    tx: &mut Transaction,
    kind: Linkable,
    thing: Id,
    add: &SecretNames,
    remove: &SecretNames,
) -> ApiResult<()> {
    if !add.0.is_empty() || !remove.0.is_empty() {
        cx.require(READ)?;
    }
    for name in &add.0 {
        let secret = find_visible(cx, tx, name).await?;
        let link = Insert::into("secret_resource")
            .stamped(cx.new_id(), cx.now())
            .set("secret_id", secret.id)
            .set("resource_id", thing)
            .set("resource_type", kind.as_str());
        match link.run(tx).await {
            Err(error) if !is_duplicate(&error) => return Err(error.into()),
            _ => {}
        }
    }
    for name in &remove.0 {
        let secret = find_visible(cx, tx, name).await?;
        let those = [
            Expr::col("resource_id").eq(thing),
            Expr::col("resource_type").eq(kind.as_str()),
            Expr::col("secret_id").eq(secret.id),
        ];
        tx.delete_where("secret_resource", those).await?;
    }
    Ok(())
}

/// Unlinks all secrets of something that is deleted.
///
/// # Errors
/// The store's own.
pub(crate) async fn unlink_all(tx: &mut Transaction, thing: Id) -> ApiResult<()> {
    let of_thing = Expr::col("resource_id").eq(thing);
    tx.delete_where("secret_resource", [of_thing]).await?;
    Ok(())
}

/// The ids of secrets that are named, or are given by their ids, in the same order.
///
/// # Errors
/// 403 for a token that may not read secrets; 404 for one that isn't there, or is another's private one.
pub(crate) async fn secret_ids(cx: &Context, names: &[String]) -> ApiResult<Vec<Id>> {
    cx.require(READ)?;
    let found = cx.store.write(|mut tx| async move {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            ids.push(find_visible(cx, &mut tx, name).await?.id);
        }
        Ok::<_, ApiError>(tx.commit(ids).await?)
    });
    found.await
}

/// The secret with that name or id; of a public and a private one with the same name the public one.
async fn find_visible(cx: &Context, tx: &mut Transaction, name_or_id: &str) -> ApiResult<SecretRow> {
    let mut select = SecretRow::select();
    SecretRow::narrow(&mut select, &cx.principal);
    select.and_where(by_name_or_id(name_or_id)).order_by("private", Order::Asc);
    tx.fetch_optional(&select).await?.ok_or_else(|| {
        let message = format!("\"No secret with the name or ID '{name_or_id}' was found\"");
        ApiError::key(message)
    })
}
