//! API keys as the store has them, and which of a key's secrets are good: the newest, and for a time the one before it.
//! That rule stands here twice, for one key and for a query over many.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Func, Query as Sql, SelectStatement, SimpleExpr};
use sqlx_macros::FromRow;

use super::key_bounds;
use crate::http::written::or_empty_text;
use crate::store::{Engine, Id, SecretText, Store, StoreError, Timestamp, row, select_computed};

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
        /// Computed, as the next three are ([`super::key_bounds`]).
        pub end_generation: Option<i64>,
        /// The end of that generation's secret by its own time.
        pub end: Option<Timestamp>,
        pub previous_end: Option<Timestamp>,
        /// The networks it may be used from, with commas between.
        pub addresses: Option<String>,
    }
    body ApiKeyColumns: stamped {
        pub active: bool,
        /// Computed: when it ends, by its own time or with the API token that it was made with; not there for a key without an
        /// end.
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
    /// The generation whose secret has `end`; the one before has `previous_end`.
    pub end_generation: Option<i64>,
    pub end: Option<Timestamp>,
    pub previous_end: Option<Timestamp>,
}

impl KeyRotation {
    /// Whether the secret of that generation is good.
    pub fn is_good(&self, generation: i64, now: DateTime<Utc>) -> bool {
        let is_one = generation == self.key_generation
            || (generation == self.key_generation - 1 && self.is_previous_retained(now));
        is_one && self.end_of(generation).is_none_or(|end| end.to_utc() > now)
    }

    /// When the secret of that generation ends by its own time. Another server may have rotated the key, which knows of no
    /// end: then its newest secret has the one that is known.
    pub fn end_of(&self, generation: i64) -> Option<Timestamp> {
        match self.end_generation.is_some_and(|of| generation < of) {
            true => self.previous_end,
            false => self.end,
        }
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
        let &Self { key_generation, end_generation, end, previous_end, .. } = self;
        KeyRotation { key_generation, retain_period, last_rotated, end_generation, end, previous_end }
    }
}

/// [`KeyRotation::is_good`] of the row of a key.
pub(crate) fn is_good(engine: Engine, generation: SimpleExpr, now: Timestamp) -> SimpleExpr {
    let column = |name: &'static str| Expr::col((TABLE, name));
    let end = engine.minutes_after((TABLE, "last_rotated"), (TABLE, "retain_period"));
    let is_previous = column("key_generation").eq(generation.clone().add(1));
    let is_retained = column("retain_period").gt(0).and(end.gt(now));
    let bound = |name: &'static str| Expr::col((key_bounds::TABLE, name));
    let end: SimpleExpr = Expr::case(generation.clone().lt(bound("generation")), bound("previous_expires"))
        .finally(bound("expires"))
        .into();
    let is_over = Sql::select()
        .expr(Expr::val(1))
        .from(key_bounds::TABLE)
        .and_where(bound("api_key_id").equals((TABLE, "id")))
        .and_where(end.lte(now))
        .to_owned();
    let is_one = column("key_generation").eq(generation).or(is_previous.and(is_retained));
    is_one.and(Expr::exists(is_over).not())
}

/// All keys with their bounds; what the newest secret was made with ends at that column or expression.
pub(crate) fn select(maker_end: SimpleExpr) -> SelectStatement {
    let bound = |name: &'static str| Expr::col((key_bounds::TABLE, name));
    let end = Func::coalesce([bound("expires"), maker_end]);
    let mut select = select_computed::<ApiKeyRow>(&[
        ("expires", end.into()),
        ("end_generation", bound("generation")),
        ("end", bound("expires")),
        ("previous_end", bound("previous_expires")),
        ("addresses", bound("addresses")),
    ]);
    select.left_join(key_bounds::TABLE, bound("api_key_id").equals((TABLE, "id"))).to_owned()
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
        .expr_as(Expr::col((key_bounds::TABLE, "generation")), "end_generation")
        .expr_as(Expr::col((key_bounds::TABLE, "expires")), "end")
        .expr_as(Expr::col((key_bounds::TABLE, "previous_expires")), "previous_end")
        .from(TABLE)
        .left_join(key_bounds::TABLE, Expr::col((key_bounds::TABLE, "api_key_id")).equals((TABLE, "id")))
        .and_where(Expr::col("id").is_in(ids))
        .to_owned();
    let rows: Vec<Row> = store.fetch_all(&query).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.rotation)).collect())
}
