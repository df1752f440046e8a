//! New webhooks.

use axum::Json;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{SIGNING_SECRET, WebhookRow};
use crate::api::stacks::secrets::{insert_internal, seal_one};
use crate::framework::{Context, ResponseOf, ShownSecret, or_taken, refuse_taken_name, require_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::values::{ShortText, yes};
use crate::intake::Provider;
use crate::store::{Id, Insert};

/// What is signed with: any text but an empty one, which everybody knows.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "SecretString")]
pub(super) struct SigningSecret(pub SecretString);

impl TryFrom<SecretString> for SigningSecret {
    type Error = &'static str;

    fn try_from(secret: SecretString) -> Result<Self, Self::Error> {
        match secret.expose_secret() {
            "" => Err("A secret needs at least 1 character"),
            _ => Ok(Self(secret)),
        }
    }
}

impl SigningSecret {
    /// One that nobody can guess.
    pub(super) fn generate(cx: &Context) -> Self {
        Self(URL_SAFE_NO_PAD.encode(cx.env.random.bytes::<32>()).into())
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct WebhookType(String);

impl TryFrom<String> for WebhookType {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Err("String should have at least 1 character") } else { Ok(Self(text)) }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WebhookRequest {
    project: Id,
    name: ShortText,
    webhook_type: WebhookType,
    #[serde(default = "yes")]
    active: bool,
    secret: Option<SigningSecret>,
}

/// The answer about a webhook, with its secret when the server has made that.
#[derive(Debug, Serialize)]
pub(super) struct WebhookCreated {
    #[serde(flatten)]
    webhook: ResponseOf<WebhookRow>,
    secret: Option<ShownSecret>,
}

/// Makes a webhook. A secret that isn't given is made, and shown in this answer alone.
pub(super) async fn create_webhook(
    cx: Context,
    JsonBody(request): JsonBody<WebhookRequest>,
) -> ApiResult<Json<WebhookCreated>> {
    let WebhookType(kind) = &request.webhook_type;
    if kind.parse::<Provider>().is_err() {
        let message = format!("There is no webhook type '{kind}'.");
        return Err(ApiError::plain(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    let given = request.secret.clone();
    let secret = given.clone().unwrap_or_else(|| SigningSecret::generate(&cx));
    let sealed = seal_one(&cx, SIGNING_SECRET, &secret.0)?;
    let id = cx.new_id();
    let (context, request, sealed) = (&cx, &request, &sealed);
    let made = cx.create(|mut tx| async move {
        let name = request.name.as_str();
        require_project(&mut tx, request.project).await?;
        refuse_taken_name::<WebhookRow>(&mut tx, Some(request.project), name, None).await?;
        let secret_name = format!("webhook-{}", id.0.simple());
        let secret_id = insert_internal(context, &mut tx, &secret_name, sealed).await?;
        let insert = context
            .insert("webhook", id)
            .set("name", name)
            .set("project_id", request.project)
            .set("secret_id", secret_id)
            .set("webhook_type", kind.as_str())
            .set("active", request.active);
        insert.run(&mut tx).await.map_err(or_taken::<WebhookRow>(name))?;
        let counts = ["received_count", "accepted_count", "auth_failed_count", "invalid_payload_count"];
        let stats = Insert::into("webhook_stats").set("webhook_id", id);
        counts.into_iter().fold(stats, |stats, count| stats.set(count, 0)).run(&mut tx).await?;
        Ok((tx, id))
    });
    let made = made.await?;
    // A request that is sent again is told of what it made, and not what that is signed with.
    let is_new = made == id && given.is_none();
    let Json(webhook) = cx.answer::<WebhookRow>(made).await?;
    Ok(Json(WebhookCreated { webhook, secret: is_new.then_some(ShownSecret(secret.0)) }))
}
