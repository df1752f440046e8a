//! The server's own row, and its settings as the API answers about them.

use axum::Json;
use axum::extract::State;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, UpdateStatement};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::app::{App, AppState};
use crate::audit::{Action, Origin};
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::framework::routes::Routes;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::query::Query;
use crate::http::values::{Name, ShortText};
use crate::store::{Id, Store, StoreError, Timestamp};

/// What the store knows of the server itself.
#[derive(Debug, Clone, FromRow)]
pub struct SettingsRow {
    pub id: Id,
    pub server_name: String,
    pub logo_url: Option<String>,
    pub active: bool,
    pub enable_analytics: bool,
    pub display_announcements: Option<bool>,
    pub display_updates: Option<bool>,
    pub onboarding_state: Option<String>,
    pub last_user_activity: Timestamp,
    pub updated: Timestamp,
}

/// # Errors
/// When the database doesn't answer, or holds no such row.
pub async fn find(store: &Store) -> Result<SettingsRow, StoreError> {
    store.fetch_optional(&select()).await?.ok_or(StoreError::RowNotFound)
}

/// The one row of settings.
pub fn select() -> SelectStatement {
    Sql::select()
        .columns([
            "id",
            "server_name",
            "logo_url",
            "active",
            "enable_analytics",
            "display_announcements",
            "display_updates",
            "onboarding_state",
            "last_user_activity",
            "updated",
        ])
        .from("server_settings")
        .to_owned()
}

/// Moves the last activity on, unless another replica knows of a later one.
pub fn note_activity(moment: Timestamp) -> UpdateStatement {
    Sql::update()
        .table("server_settings")
        .value("last_user_activity", moment)
        .and_where(Expr::col("last_user_activity").lt(moment))
        .to_owned()
}

/// Activates the server; touches no row of one that is active already.
pub fn activation(now: Timestamp) -> UpdateStatement {
    Sql::update()
        .table("server_settings")
        .values([("active", true.into()), ("updated", now.into())])
        .and_where(Expr::col("active").eq(false))
        .to_owned()
}

/// Notes that one of the first steps was made on this server.
///
/// # Errors
/// When the database doesn't answer.
pub async fn note_step(store: &Store, step: &str, now: Timestamp) -> Result<(), StoreError> {
    let before = find(store).await?.onboarding_state;
    let mut steps: Vec<String> =
        before.as_deref().and_then(|steps| serde_json::from_str(steps).ok()).unwrap_or_default();
    if steps.iter().any(|made| made == step) {
        return Ok(());
    }
    steps.push(step.to_owned());
    // Of two steps at once the later one is noted the next time it is made.
    let update = Sql::update()
        .table("server_settings")
        .value("onboarding_state", serde_json::json!(steps).to_string())
        .value("updated", now)
        .and_where(match before {
            Some(before) => Expr::col("onboarding_state").eq(before),
            None => Expr::col("onboarding_state").is_null(),
        })
        .to_owned();
    store.execute(&update).await.map(|_| ())
}

#[derive(Debug, Serialize)]
pub struct ServerSettingsResponse {
    body: Option<ServerSettingsResponseBody>,
    metadata: Option<ServerSettingsResponseMetadata>,
    resources: Option<ServerSettingsResponseResources>,
}

#[derive(Debug, Serialize)]
pub struct ServerSettingsResponseBody {
    server_id: Id,
    server_name: String,
    logo_url: Option<String>,
    active: bool,
    enable_analytics: bool,
    display_announcements: Option<bool>,
    display_updates: Option<bool>,
    last_user_activity: Timestamp,
    updated: Timestamp,
}

/// Settings have none; ZenML answers with an empty object.
#[derive(Debug, Serialize)]
pub struct ServerSettingsResponseMetadata {}

/// Settings have none; ZenML answers with an empty object.
#[derive(Debug, Serialize)]
pub struct ServerSettingsResponseResources {}

/// Changes of the server's settings (contract schema ServerSettingsUpdate). Null is as good as absent: the
/// official client sends it for whatever it doesn't change.
#[derive(Debug, Deserialize)]
pub struct ServerSettingsUpdate {
    server_name: Option<Name>,
    logo_url: Option<ShortText>,
    enable_analytics: Option<bool>,
    display_announcements: Option<bool>,
    display_updates: Option<bool>,
}

impl ServerSettingsUpdate {
    /// The names of what is given.
    fn changed(&self) -> Vec<&'static str> {
        let given = [
            ("server_name", self.server_name.is_some()),
            ("logo_url", self.logo_url.is_some()),
            ("enable_analytics", self.enable_analytics.is_some()),
            ("display_announcements", self.display_announcements.is_some()),
            ("display_updates", self.display_updates.is_some()),
        ];
        given.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect()
    }

    /// The statement that makes the changes, if there are any.
    fn statement(&self, now: Timestamp) -> Option<UpdateStatement> {
        let mut update = Sql::update();
        update.table("server_settings");
        if let Some(name) = &self.server_name {
            update.value("server_name", name.as_str());
        }
        if let Some(url) = &self.logo_url {
            update.value("logo_url", url.as_str());
        }
        let flags = [
            ("enable_analytics", self.enable_analytics),
            ("display_announcements", self.display_announcements),
            ("display_updates", self.display_updates),
        ];
        for (column, flag) in flags {
            if let Some(flag) = flag {
                update.value(column, flag);
            }
        }
        let changes_something = !update.get_values().is_empty();
        changes_something.then(|| update.value("updated", now).to_owned())
    }
}

pub const KIND: Kind = Kind::new("settings").administration();

pub fn routes() -> Routes {
    Routes::of(KIND).get("/api/v1/settings", get_settings).put("/api/v1/settings", update_settings)
}

/// The server's settings.
pub async fn get_settings(
    State(app): State<AppState>,
    _: Principal,
    mut query: Query,
) -> ApiResult<Json<ServerSettingsResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    Ok(Json(response(&app, hydrate).await?))
}

/// Changes the server's settings.
pub async fn update_settings(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    JsonBody(update): JsonBody<ServerSettingsUpdate>,
) -> ApiResult<Json<ServerSettingsResponse>> {
    if let Some(statement) = update.statement(Timestamp::new(app.env.clock.now())) {
        if !principal.user.is_admin {
            let message = "Only an admin may change the settings of the server.";
            return Err(ApiError::illegal(message));
        }
        let event = app.audit.event(&origin, Action::SettingsChanged).on("server", app.server.id, "");
        event.with("changed", update.changed()).change(&app.store, &statement).await?;
        app.server.forget_settings().await;
    }
    Ok(Json(response(&app, true).await?))
}

async fn response(app: &App, hydrate: bool) -> ApiResult<ServerSettingsResponse> {
    let settings = find(&app.store).await?;
    Ok(ServerSettingsResponse {
        body: Some(ServerSettingsResponseBody {
            server_id: settings.id,
            server_name: settings.server_name,
            logo_url: settings.logo_url,
            active: settings.active,
            enable_analytics: settings.enable_analytics,
            display_announcements: settings.display_announcements,
            display_updates: settings.display_updates,
            last_user_activity: Ord::max(app.server.activity.last(), settings.last_user_activity),
            updated: settings.updated,
        }),
        metadata: hydrate.then_some(ServerSettingsResponseMetadata {}),
        resources: Some(ServerSettingsResponseResources {}),
    })
}
