//! New API keys.

use axum::Json;
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::bounds::AskedBounds;
use super::proof::{MadeWith, NewSecret};
use super::{ApiKeyResponse, find, find_account, taken};
use crate::api::identity::service_accounts::require_admin;
use crate::audit::{Action, Origin};
use crate::framework::Context;
use crate::http::error::{ApiResult, if_duplicate};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{LongText, Name};
use crate::store::Insert;

// ZenML's document has what is ignored here, and in the next two.
#[derive(Deserialize, ToSchema)]
#[schema(as = APIKeyRequest)]
pub(crate) struct ApiKeyRequest {
    #[schema(ignore)]
    name: Name,
    #[schema(ignore)]
    description: Option<LongText>,
    /// Seconds after which it ends; without it, or with 0, never, or after ZENDO_API_KEY_MAX_LIFETIME.
    expires_in: Option<i64>,
    /// Addresses and networks it may be used from, such as `10.0.0.0/8`; all without.
    addresses: Option<Vec<String>>,
}

/// Makes an API key; this answer alone has it. One that is made with an API token ends with that.
pub(crate) async fn create_api_key(
    cx: Context,
    origin: Origin,
    PathId(account_id): PathId,
    JsonBody(request): JsonBody<ApiKeyRequest>,
) -> ApiResult<Json<ApiKeyResponse>> {
    let account = find_account(&cx.store, account_id).await?;
    account.refuse_external()?;
    require_admin(&cx.principal)?;
    let maker = MadeWith::of(&cx.principal)?;
    let bounds = AskedBounds::read(&cx, request.expires_in, request.addresses)?.of_new_key(maker.as_ref());
    let secret = NewSecret::make(&cx, cx.env.random.id()).await?;
    let row = Insert::into("api_key")
        .stamped(secret.key.id, cx.now())
        .set("name", request.name.as_str())
        .set("description", request.description.unwrap_or_default().as_str())
        .set("key", secret.hash.expose_secret())
        .set("key_generation", 1)
        .set("retain_period", 0)
        .set("active", true)
        .set("service_account_id", account.id)
        .statement();
    let event = cx.audit.event(&origin, Action::ApiKeyCreated);
    let end = bounds.as_ref().and_then(|bounds| bounds.expires).map(|end| end.to_utc().timestamp());
    let event = event.on("api_key", secret.key.id, request.name.as_str()).of_account(&account);
    let event = event.maybe("expires", end);
    let event = event.maybe("addresses", bounds.as_ref().and_then(|bounds| bounds.addresses.as_deref()));
    let (row, secret, maker, event, bounds) = (&row, &secret, maker.as_ref(), &event, bounds.as_ref());
    let made = cx.store.write(|mut tx| async move {
        tx.execute(row).await?;
        secret.keep_digest(&mut tx, maker).await?;
        if let Some(bounds) = bounds {
            bounds.keep(&mut tx, secret.key.id).await?;
        }
        event.commit(tx, ()).await
    });
    made.await.map_err(if_duplicate(|| taken(request.name.as_str(), &account)))?;
    let row = find(&cx.store, &account, &secret.key.id.to_string()).await?;
    Ok(Json(row.response(account, true, Some(&secret.key))))
}
