//! Changes of API keys, and new secrets for them.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::bounds::AskedBounds;
use super::proof::{NewSecret, delete_old_digests};
use super::{ApiKeyResponse, find, find_account, forget, taken};
use crate::accounts::api_keys::TABLE;
use crate::api::identity::service_accounts::require_admin;
use crate::audit::{Action, Origin};
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult, if_taken};
use crate::http::json::JsonBody;
use crate::http::path::PathIdAndName;
use crate::http::values::{LongText, Name};
use crate::store::{StoreError, Update};

/// What is to change; the rest stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = APIKeyUpdate)]
pub(crate) struct ApiKeyUpdate {
    #[schema(ignore)]
    name: Option<Name>,
    #[schema(ignore)]
    description: Option<LongText>,
    #[schema(ignore)]
    active: Option<bool>,
    /// Seconds from now after which it ends; 0 for never.
    expires_in: Option<i64>,
    /// Addresses and networks it may be used from; none of them for all.
    addresses: Option<Vec<String>>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = APIKeyRotateRequest)]
pub(crate) struct ApiKeyRotateRequest {
    /// Minutes in which the key from before is still good.
    #[serde(default)]
    #[schema(ignore)]
    retain_period_minutes: i32,
    /// Seconds from now after which the new secret ends, 0 for never; without it, it lives as long as the one before was to
    /// live.
    expires_in: Option<i64>,
}

/// Renames, describes, activates or deactivates an API key.
pub(crate) async fn update_api_key(
    cx: Context,
    origin: Origin,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
    JsonBody(request): JsonBody<ApiKeyUpdate>,
) -> ApiResult<Json<ApiKeyResponse>> {
    let account = find_account(&cx.store, account_id).await?;
    let is_switch = request.active.is_some()
        && request.name.is_none()
        && request.description.is_none()
        && request.expires_in.is_none()
        && request.addresses.is_none();
    if !is_switch {
        account.refuse_external()?;
    }
    require_admin(&cx.principal)?;
    let bounds = AskedBounds::read(&cx, request.expires_in, request.addresses)?;
    if bounds.is_some() {
        cx.principal.require_signed_in()?;
    }
    let row = find(&cx.store, &account, &name_or_id).await?;
    let update = Update::of(TABLE, row.id, cx.now())
        .maybe("name", request.name.clone())
        .maybe("description", request.description)
        .maybe("active", request.active);
    let event = cx.audit.event(&origin, Action::ApiKeyUpdated).on("api_key", row.id, &row.name);
    let changed: Vec<&str> = update.changed().into_iter().chain(bounds.changed()).collect();
    let event = event.of_account(&account).with("changed", changed).maybe("active", request.active);
    let (update, bounds, event, id) = (&update.statement(), &bounds, &event, row.id);
    let changed = cx.store.write(|mut tx| async move {
        if tx.execute(update).await? == 0 {
            return tx.commit(()).await;
        }
        if bounds.is_some() {
            bounds.change(&mut tx, id).await?;
        }
        event.commit(tx, ()).await
    });
    let refused = if_taken(request.name.as_ref(), |name| taken(name.as_str(), &account));
    let () = changed.await.map_err(refused)?;
    forget(&cx.auth, row.id).await;
    let row = find(&cx.store, &account, &row.id.to_string()).await?;
    Ok(Json(row.response(account, true, None)))
}

/// Replaces what an API key says; this answer alone has the new one.
pub(crate) async fn rotate_api_key(
    cx: Context,
    origin: Origin,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
    JsonBody(request): JsonBody<ApiKeyRotateRequest>,
) -> ApiResult<Json<ApiKeyResponse>> {
    let account = find_account(&cx.store, account_id).await?;
    account.refuse_external()?;
    require_admin(&cx.principal)?;
    cx.principal.require_signed_in()?;
    let bounds = AskedBounds::read(&cx, request.expires_in, None)?;
    let row = find(&cx.store, &account, &name_or_id).await?;
    let secret = NewSecret::make(&cx, row.id).await?;
    let now = cx.now();
    let rotation = Sql::update()
        .table("api_key")
        // The order matters to MySQL, which reads a column after its new value was set.
        .value("previous_key", Expr::col("key"))
        .value("key", secret.hash.expose_secret())
        .value("key_generation", Expr::col("key_generation").add(1))
        .value("retain_period", request.retain_period_minutes)
        .value("last_rotated", now)
        .value("updated", now)
        .and_where(Expr::col("id").eq(row.id))
        .to_owned();
    let event = cx.audit.event(&origin, Action::ApiKeyRotated).on("api_key", row.id, &row.name);
    let event = event.of_account(&account).with("retain_period_minutes", request.retain_period_minutes);
    let (rotation, secret, event, bounds) = (&rotation, &secret, &event, &bounds);
    let rotated = cx.store.write(|mut tx| async move {
        // A key that was deleted meanwhile gets no digest.
        if tx.execute(rotation).await? == 0 {
            return tx.commit(()).await;
        }
        bounds.rotate(&mut tx, secret.key.id).await?;
        secret.keep_digest(&mut tx, None).await?;
        delete_old_digests(&mut tx, secret.key.id).await?;
        event.commit(tx, ()).await
    });
    let () = rotated.await.map_err(|error: StoreError| ApiError::from(error))?;
    forget(&cx.auth, row.id).await;
    let row = find(&cx.store, &account, &row.id.to_string()).await?;
    Ok(Json(row.response(account, false, Some(&secret.key))))
}
