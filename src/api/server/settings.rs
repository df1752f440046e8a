//! The server's own row, and its settings as the API answers about them.

use axum::Json;
use serde::{Deserialize, Serialize};

use crate::accounts::server::{self, SettingsColumns, SettingsRow};
use crate::audit::{Action, Origin};
use crate::auth::kind::Kind;
use crate::framework::{Context, NoResources, Routes};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::query::Hydrate;
use crate::http::values::{Name, ShortText};
use crate::store::{Id, Timestamp, Update, sent_fields};

/// The answer about the settings, which have neither metadata nor what they are related to: it has no id of its own.
#[derive(Debug, Serialize)]
pub(crate) struct ServerSettingsResponse {
    body: ServerSettingsBody,
    metadata: Option<NoResources>,
    resources: NoResources,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServerSettingsBody {
    server_id: Id,
    #[serde(flatten)]
    columns: SettingsColumns,
}

/// Changes of the server's settings (contract schema ServerSettingsUpdate). Null is as good as absent: the
/// official client sends it for whatever it doesn't change.
#[derive(Debug, Deserialize)]
pub(crate) struct ServerSettingsUpdate {
    server_name: Option<Name>,
    logo_url: Option<ShortText>,
    enable_analytics: Option<bool>,
    display_announcements: Option<bool>,
    display_updates: Option<bool>,
}

impl ServerSettingsUpdate {
    fn change(self, id: Id, now: Timestamp) -> Update {
        Update::of("server_settings", id, now).maybe_all(sent_fields!(
            self;
            server_name, logo_url, enable_analytics, display_announcements, display_updates,
        ))
    }
}

pub(crate) const KIND: Kind = Kind::new("settings").administration();

pub(crate) fn routes() -> Routes {
    Routes::of(KIND).get("/api/v1/settings", get_settings).put("/api/v1/settings", update_settings)
}

/// The server's settings.
pub(crate) async fn get_settings(
    cx: Context,
    Hydrate(hydrate): Hydrate,
) -> ApiResult<Json<ServerSettingsResponse>> {
    Ok(Json(response(&cx, hydrate).await?))
}

/// Changes the server's settings.
pub(crate) async fn update_settings(
    cx: Context,
    origin: Origin,
    JsonBody(update): JsonBody<ServerSettingsUpdate>,
) -> ApiResult<Json<ServerSettingsResponse>> {
    let change = update.change(cx.server.id, cx.now());
    if !change.changed().is_empty() {
        if !cx.principal.user.body.is_admin {
            let message = "Only an admin may change the settings of the server.";
            return Err(ApiError::illegal(message));
        }
        let event = cx.audit.event(&origin, Action::SettingsChanged).on("server", cx.server.id, "");
        event.with("changed", change.changed()).change(&cx.store, &change.statement()).await?;
        cx.server.forget_settings().await;
    }
    Ok(Json(response(&cx, true).await?))
}

async fn response(cx: &Context, hydrate: bool) -> ApiResult<ServerSettingsResponse> {
    let SettingsRow { id, body: mut columns, .. } = server::find(&cx.store).await?;
    columns.last_user_activity = Ord::max(cx.server.activity.last(), columns.last_user_activity);
    Ok(ServerSettingsResponse {
        body: ServerSettingsBody { server_id: id, columns },
        metadata: hydrate.then_some(NoResources {}),
        resources: NoResources {},
    })
}
