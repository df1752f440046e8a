//! Changes of secrets.

use sea_query::{Expr, ExprTrait};
use serde::Deserialize;

use super::rules::{refuse_taken, require_store};
use super::values::{SecretValues, SentValues};
use super::{SecretRow, StoredValues, TURN, answer, open, seal, select_values};
use crate::framework::{Answer, Context, Resource, not_found};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::http::values::Name;
use crate::store::{Transaction, Update};

#[derive(Debug, Deserialize)]
pub(super) struct SecretUpdate {
    name: Option<Name>,
    private: Option<bool>,
    values: Option<SentValues>,
}

/// Changes a secret. Its values are replaced by those that are sent, or with `patch_values` merged with them.
pub(super) async fn update_secret(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
    JsonBody(update): JsonBody<SecretUpdate>,
) -> Answer<SecretRow> {
    let patch = query.flag("patch_values").unwrap_or(false);
    query.finish()?;
    if let Some(sent) = &update.values {
        SecretValues::of(sent).check_size()?;
    }
    let (context, update) = (&cx, &update);
    let updated = cx.store.write(|mut tx| async move {
        tx.lock(TURN).await?;
        let mut select = SecretRow::select();
        SecretRow::narrow(&mut select, &context.principal);
        let secret = tx.fetch_optional::<SecretRow>(select.and_where(Expr::col("id").eq(id))).await?;
        let secret = secret.ok_or_else(|| not_found::<SecretRow>(id))?;
        refuse_change(context, &mut tx, &secret, update).await?;
        require_store(context)?;
        let stored = tx.fetch_optional::<StoredValues>(&select_values(id)).await?;
        let before = open(context, stored);
        let (values, sealed) = match (&update.values, before) {
            (None, Some(before)) => (before, None),
            (None, None) => return Err(not_found::<SecretRow>(id)),
            (Some(sent), before) => {
                let mut values = before.filter(|_| patch).unwrap_or_default();
                values.merge(sent);
                let sealed = seal(context, &values)?;
                (values, Some(sealed))
            }
        };
        Update::of("secret", id, context.now())
            .maybe("name", update.name.as_ref().map(Name::as_str))
            .maybe("private", update.private)
            .maybe("values", sealed)
            .run(&mut tx)
            .await?;
        Ok::<_, ApiError>(tx.commit(values).await?)
    });
    let values = updated.await?;
    answer(&cx, id, true, values).await
}

/// Only the owner makes a secret private or public; a new name or scope has to be free.
async fn refuse_change(
    cx: &Context,
    tx: &mut Transaction,
    secret: &SecretRow,
    update: &SecretUpdate,
) -> ApiResult<()> {
    if update.private.is_some() && secret.body.user_id != Some(cx.user_id()) {
        let message = "Only the user who made a secret may make it private or public.";
        return Err(ApiError::illegal(message));
    }
    let name = update.name.as_ref().map_or(secret.name.as_str(), Name::as_str);
    let private = update.private.unwrap_or(secret.body.private);
    if name == secret.name && private == secret.body.private {
        return Ok(());
    }
    refuse_taken(tx, name, private, secret.body.user_id, Some(secret.id)).await
}
