//! The server's own row.

use sea_query::{Expr, ExprTrait, Query, SelectStatement, UpdateStatement};
use sqlx::FromRow;

use crate::store::{Id, Store, StoreError, Timestamp};

/// What the store knows of the server itself.
#[derive(Debug, Clone, FromRow)]
pub struct SettingsRow {
    pub id: Id,
    pub server_name: String,
    pub active: bool,
    pub enable_analytics: bool,
    pub last_user_activity: Timestamp,
}

/// # Errors
/// When the database doesn't answer, or holds no such row.
pub async fn find(store: &Store) -> Result<SettingsRow, StoreError> {
    store.fetch_optional(&select()).await?.ok_or(StoreError::RowNotFound)
}

/// The one row of settings.
pub fn select() -> SelectStatement {
    Query::select()
        .columns(["id", "server_name", "active", "enable_analytics", "last_user_activity"])
        .from("server_settings")
        .to_owned()
}

/// Moves the last activity on, unless another replica knows of a later one.
pub fn note_activity(moment: Timestamp) -> UpdateStatement {
    Query::update()
        .table("server_settings")
        .value("last_user_activity", moment)
        .and_where(Expr::col("last_user_activity").lt(moment))
        .to_owned()
}
