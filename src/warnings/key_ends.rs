//! API keys that end soon, or have ended.

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, Order, Query};
use serde_json::json;
use sqlx_macros::FromRow;

use super::record::{Told, WarningKind};
use super::{Warnings, dated};
use crate::accounts::api_keys;
use crate::accounts::key_bounds::{self, days_left, next_warning};
use crate::store::{Id, JoinById, StoreError, Timestamp};

/// Keys that are told of at once.
const AT_ONCE: u64 = 100;

#[derive(FromRow)]
struct EndingKey {
    id: Id,
    name: String,
    active: bool,
    expires: Timestamp,
    next_warning: i64,
    account_id: Id,
    account_name: String,
}

impl Warnings {
    /// Tells of the keys whose end is near enough, or there.
    ///
    /// # Errors
    /// When the database doesn't answer; the next call goes on.
    pub async fn tell_key_ends(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        loop {
            let keys = self.ending_keys(now).await?;
            for key in &keys {
                // A key that is in use nowhere by its own state surprises nobody.
                if key.active {
                    self.tell(key.told(now)).await?;
                }
                let next = next_warning(key.expires.to_utc(), now);
                let told = Query::update()
                    .table(key_bounds::TABLE)
                    .value("next_warning", next)
                    .and_where(Expr::col("api_key_id").eq(key.id))
                    // Its end may be another one by now.
                    .and_where(Expr::col("next_warning").eq(key.next_warning))
                    .to_owned();
                self.store.execute(&told).await?;
            }
            if (keys.len() as u64) < AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn ending_keys(&self, now: DateTime<Utc>) -> Result<Vec<EndingKey>, StoreError> {
        let (key, bound) = (|name| (api_keys::TABLE, name), |name| (key_bounds::TABLE, name));
        let query = Query::select()
            .columns([key("id"), key("name"), key("active")])
            .columns([bound("expires"), bound("next_warning")])
            .expr_as(Expr::col(("user", "id")), "account_id")
            .expr_as(Expr::col(("user", "name")), "account_name")
            .from(key_bounds::TABLE)
            .join_by_id(api_keys::TABLE, bound("api_key_id"))
            .join_by_id("user", key("service_account_id"))
            .and_where(Expr::col(bound("next_warning")).lte(now.timestamp()))
            .and_where(Expr::col(bound("expires")).is_not_null())
            .order_by(bound("next_warning"), Order::Asc)
            .limit(AT_ONCE)
            .to_owned();
        self.store.fetch_all(&query).await
    }
}

impl EndingKey {
    fn told(&self, now: DateTime<Utc>) -> Told {
        let end = self.expires.to_utc();
        let days = days_left(end, now);
        let whose = format!("API key '{}' of the service account '{}'", self.name, self.account_name);
        let (kind, text) = match days {
            0 => {
                let text =
                    format!("{whose} has ended, at {}: rotate it where it is still needed.", dated(end));
                (WarningKind::ApiKeyExpired, text)
            }
            _ => {
                let left = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
                (WarningKind::ApiKeyExpiring, format!("{whose} ends within {left}, at {}.", dated(end)))
            }
        };
        Told {
            once: format!("key-end:{}:{}:{days}", self.id, end.timestamp()),
            kind,
            text,
            user_id: Some(self.account_id),
            subject: ("api_key", self.id, self.name.clone()),
            details: json!({
                "expires": end,
                "days": days,
                "service_account": self.account_name,
                "service_account_id": self.account_id,
            }),
        }
    }
}
