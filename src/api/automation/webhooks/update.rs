//! Changes of webhooks, and of what their deliveries are signed with.

use axum::Json;
use serde::{Deserialize, Serialize};

use super::create::SigningSecret;
use super::{SIGNING_SECRET, WebhookRow};
use crate::api::stacks::secrets::{replace_internal, seal_one};
use crate::audit::{Action, Origin};
use crate::framework::{Answer, Context, ShownSecret, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::ShortText;
use crate::store::Update;

#[derive(Debug, Deserialize)]
pub(super) struct WebhookUpdate {
    name: Option<ShortText>,
    active: Option<bool>,
}

/// Renames a webhook, or says whether it takes deliveries.
pub(super) async fn update_webhook(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<WebhookUpdate>,
) -> Answer<WebhookRow> {
    let name = update.name.as_ref().map(ShortText::as_str);
    let change = Update::of("webhook", id, cx.now()).maybe("name", name).maybe("active", update.active);
    cx.change_named::<WebhookRow>(id, name, &change).await
}

#[derive(Debug, Deserialize)]
pub(super) struct RotateRequest {
    secret: Option<SigningSecret>,
}

#[derive(Debug, Serialize)]
pub(super) struct NewSecret {
    secret: ShownSecret,
}

/// Has deliveries signed with another secret from now on: the given one, or a new one, which this answer alone shows.
pub(super) async fn rotate_secret(
    cx: Context,
    origin: Origin,
    PathId(id): PathId,
    JsonBody(request): JsonBody<RotateRequest>,
) -> ApiResult<Json<NewSecret>> {
    let webhook = cx.find::<WebhookRow>(id).await?;
    let secret = request.secret.unwrap_or_else(|| SigningSecret::generate(&cx));
    let sealed = seal_one(&cx, SIGNING_SECRET, &secret.0)?;
    let event = cx.audit.event(&origin, Action::WebhookSecretRotated).on("webhook", id, &webhook.name);
    let (context, now, sealed, event) = (&cx, cx.now(), &sealed, &event);
    let rotated = cx.store.write(|mut tx| async move {
        let webhook = find_in::<WebhookRow>(&mut tx, id).await?;
        replace_internal(context, &mut tx, webhook.secret_id, sealed).await?;
        Update::of("webhook", id, now).run(&mut tx).await?;
        Ok::<_, ApiError>(event.commit(tx, ()).await?)
    });
    rotated.await?;
    Ok(Json(NewSecret { secret: ShownSecret(secret.0) }))
}
