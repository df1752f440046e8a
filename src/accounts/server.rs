//! The server's own row.

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, UpdateStatement};

use crate::store::{Id, Store, StoreError, Stored, Timestamp, row};

row! {
    /// What the store knows of the server itself.
    pub struct SettingsRow in "server_settings" {
        pub id: Id,
        pub onboarding_state: Option<String>,
    }
    body SettingsColumns {
        pub server_name: String,
        pub logo_url: Option<String>,
        pub active: bool,
        pub enable_analytics: bool,
        pub display_announcements: Option<bool>,
        pub display_updates: Option<bool>,
        pub last_user_activity: Timestamp,
        pub updated: Timestamp,
    }
}

/// # Errors
/// When the database doesn't answer, or holds no such row.
pub(crate) async fn find(store: &Store) -> Result<SettingsRow, StoreError> {
    store.fetch_optional(&select()).await?.ok_or(StoreError::RowNotFound)
}

/// The one row of settings.
pub(crate) fn select() -> SelectStatement {
    SettingsRow::all()
}

/// Moves the last activity on, unless another replica knows of a later one.
pub(crate) fn note_activity(moment: Timestamp) -> UpdateStatement {
    Sql::update()
        .table("server_settings")
        .value("last_user_activity", moment)
        .and_where(Expr::col("last_user_activity").lt(moment))
        .to_owned()
}

/// Activates the server; touches no row of one that is active already.
pub(crate) fn activation(now: Timestamp) -> UpdateStatement {
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
pub(crate) async fn note_step(store: &Store, step: &str, now: Timestamp) -> Result<(), StoreError> {
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
