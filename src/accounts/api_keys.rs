//! API keys as the store has them, and which of a key's secrets are good: the newest, and for a time the one before it.
//! That rule stands here twice, for one key and for a query over many.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr};
use sqlx::FromRow;

use crate::http::written::or_empty_text;
use crate::store::{Engine, Id, SecretText, Store, StoreError, Timestamp, row};

pub(crate) const TABLE: &str = "api_key";

row! {
    pub struct ApiKeyRow in "api_key" {
        pub id: Id,
        pub name: String,
        /// bcrypt of the key's secret.
        pub key: SecretText,
        /// bcrypt of the secret before the last rotation.
        pub previous_key: Option<SecretText>,
        pub key_generation: i64,
        pub service_account_id: Id,
    }
    body ApiKeyColumns {
        pub created: Timestamp,
        pub updated: Timestamp,
        pub active: bool,
        /// Computed: when the API token ends that it was made with, at the latest; not there for a key without an end.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub expires: Option<Timestamp>,
    }
    metadata ApiKeyMetadata {
        #[serde(serialize_with = "or_empty_text")]
        pub description: Option<String>,
        /// Minutes after the last rotation in which the previous secret is still good.
        #[serde(rename = "retain_period_minutes")]
        pub retain_period: i64,
        pub last_login: Option<Timestamp>,
        pub last_rotated: Option<Timestamp>,
    }
}

/// How often a key was rotated, and when it last was.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct KeyRotation {
    pub key_generation: i64,
    /// Minutes after the last rotation in which the secret before it is still good.
    pub retain_period: i64,
    pub last_rotated: Option<Timestamp>,
}

impl KeyRotation {
    /// Whether the secret of that generation is good.
    pub fn is_good(&self, generation: i64, now: DateTime<Utc>) -> bool {
        generation == self.key_generation
            || (generation == self.key_generation - 1 && self.is_previous_retained(now))
    }

    /// Whether the secret before the last rotation is still good.
    pub fn is_previous_retained(&self, now: DateTime<Utc>) -> bool {
        let Some(rotated) = self.last_rotated else { return false };
        self.retain_period > 0 && now < rotated.to_utc() + TimeDelta::minutes(self.retain_period)
    }
}

impl ApiKeyRow {
    pub fn rotation(&self) -> KeyRotation {
        let &ApiKeyMetadata { retain_period, last_rotated, .. } = &self.metadata;
        KeyRotation { key_generation: self.key_generation, retain_period, last_rotated }
    }
}

/// [`KeyRotation::is_good`] of the row of a key.
pub(crate) fn is_good(engine: Engine, generation: SimpleExpr, now: Timestamp) -> SimpleExpr {
    let column = |name: &'static str| Expr::col((TABLE, name));
    let end = engine.minutes_after((TABLE, "last_rotated"), (TABLE, "retain_period"));
    let is_previous = column("key_generation").eq(generation.clone().add(1));
    let is_retained = column("retain_period").gt(0).and(end.gt(now));
    column("key_generation").eq(generation).or(is_previous.and(is_retained))
}

/// The rotations of these keys.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn rotations(
    store: &Store,
    ids: BTreeSet<Id>,
) -> Result<HashMap<Id, KeyRotation>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    #[derive(FromRow)]
    struct Row {
        id: Id,
        #[sqlx(flatten)]
        rotation: KeyRotation,
    }
    let query = Sql::select()
        .columns(["id", "key_generation", "retain_period", "last_rotated"])
        .from(TABLE)
        .and_where(Expr::col("id").is_in(ids))
        .to_owned();
    let rows: Vec<Row> = store.fetch_all(&query).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.rotation)).collect())
}
