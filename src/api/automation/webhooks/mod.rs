//! Webhooks: addresses to which other services bring events, each signed with a secret that the webhook keeps.

mod create;
mod intake;
mod update;

use std::collections::HashMap;

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Serialize;

use crate::api::stacks::secrets::delete_internal;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{
    Answers, ById, Loader, Owner, Resource, Response, Routes, delete, delete_row, find_in, get, list,
};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::intake::Stats;
use crate::store::{Id, InIds, Transaction, row};

/// Events come from elsewhere: no piece of work makes or changes the way that they come.
pub(crate) const KIND: Kind = Kind::new("webhooks").in_project().administration();
const WEBHOOKS: &str = "/api/v1/webhooks";
const WEBHOOK: &str = "/api/v1/webhooks/{webhook_id}";
const EVENTS: &str = "/api/v1/webhooks/{webhook_type}/{webhook_id}/events";
/// The name of what is signed with, among the values of a webhook's secret, as in ZenML.
const SIGNING_SECRET: &str = "secret";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(WEBHOOKS, create::create_webhook)
        .secret()
        .get(WEBHOOKS, list::<WebhookRow>)
        .get(WEBHOOK, get::<WebhookRow>)
        .put(WEBHOOK, update::update_webhook)
        .delete(WEBHOOK, delete::<WebhookRow>)
        .put("/api/v1/webhooks/{webhook_id}/secret", update::rotate_secret)
        .secret()
        .get("/api/v1/webhooks/{webhook_id}/events/raw", intake::get_raw_event)
        // Whoever has the secret proves it with a signature.
        .post(EVENTS, intake::receive)
        .needs(KIND.to(Verb::Update))
        .open()
        .takes_long_bodies()
}

row! {
    pub struct WebhookRow in "webhook" {
        pub id: Id,
        pub name: String,
        pub secret_id: Id,
    }
    body WebhookColumns: in_project {
        pub webhook_type: String,
        active: bool,
    }
}

impl Listed for WebhookRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields =
        &[STAMPED, OWNED, &[Field::text("name"), Field::text("webhook_type"), Field::only_flag("active")]];
}

#[derive(Debug, Serialize)]
pub(crate) struct WebhookBody {
    #[serde(flatten)]
    columns: WebhookColumns,
    /// None where the server doesn't know its own address.
    endpoint_url: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct WebhookMetadata {
    stats: Stats,
}

impl Resource for WebhookRow {
    const NAME: &'static str = "webhook";
    type Body = WebhookBody;
    type Metadata = WebhookMetadata;
    type Resources = Owner;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let mut stats = all_stats(loader, &rows).await?;
        let response = |row: Self| {
            let metadata =
                loader.metadata(|| WebhookMetadata { stats: stats.remove(&row.id).unwrap_or_default() });
            let endpoint_url = endpoint_url(loader, &row);
            let body = WebhookBody { columns: row.body, endpoint_url };
            Response::named(row.id, row.name, body, metadata, None)
        };
        loader.owned(rows, response).await
    }

    /// With its secret. Triggers that are archived let go of it.
    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        let of_webhook = || Expr::col("webhook_id").eq(id);
        let live = Sql::select()
            .column("id")
            .from("trigger")
            .and_where(of_webhook())
            .and_where(Expr::col("is_archived").eq(false))
            .limit(1)
            .to_owned();
        if tx.fetch_optional::<(Id,)>(&live).await?.is_some() {
            let message =
                "A webhook can't be deleted while triggers that aren't archived wait for its events.";
            return Err(ApiError::illegal(message));
        }
        let webhook = find_in::<Self>(tx, id).await?;
        tx.delete_where("webhook_stats", [of_webhook()]).await?;
        delete_row::<Self>(tx, id).await?;
        delete_internal(tx, webhook.secret_id).await
    }
}

/// What each of these webhooks has counted, when metadata is wanted.
async fn all_stats(loader: &Loader<'_>, rows: &[WebhookRow]) -> ApiResult<ById<Stats>> {
    if !loader.metadata || rows.is_empty() {
        return Ok(ById::new());
    }
    let query = Sql::select()
        .column("webhook_id")
        .columns([
            "received_count",
            "accepted_count",
            "auth_failed_count",
            "invalid_payload_count",
            "last_received_at",
            "last_accepted_at",
            "last_error_at",
            "last_error_summary",
        ])
        .from("webhook_stats")
        .and_where(Expr::col("webhook_id").in_ids(rows.iter().map(|row| row.id)))
        .to_owned();
    let unwritten = loader.intake.counts.unwritten().await;
    let stored: Vec<StoredStats> = loader.store.fetch_all(&query).await?;
    let mut stored: HashMap<Id, Stats> = stored.into_iter().map(|row| (row.webhook_id, row.stats)).collect();
    let stats = |row: &WebhookRow| (row.id, unwritten.on(row.id, stored.remove(&row.id).unwrap_or_default()));
    Ok(rows.iter().map(stats).collect())
}

#[derive(sqlx_macros::FromRow)]
struct StoredStats {
    webhook_id: Id,
    #[sqlx(flatten)]
    stats: Stats,
}

/// Where a webhook's events are to be brought, as others see this server.
fn endpoint_url(loader: &Loader<'_>, row: &WebhookRow) -> Option<String> {
    let server = loader.config.server_url.as_ref()?.0.trim_end_matches('/');
    let root = &loader.config.root_url_path.0;
    Some(format!("{server}{root}/api/v1/webhooks/{}/{}/events", row.body.webhook_type, row.id))
}
