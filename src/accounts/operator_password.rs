//! Passwords that the operator has just set: where people don't sign in with passwords, they are the way back in.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query as Sql};

use crate::store::{Id, Insert, Store, StoreError, Transaction};

const TABLE: &str = "zendo_operator_password";
/// For so long such a password is good where passwords are turned off.
const LIFE: TimeDelta = TimeDelta::hours(1);

/// Notes that the operator has set the account's password.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn note(tx: &mut Transaction, user_id: Id, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.delete_where(TABLE, [Expr::col("user_id").eq(user_id)]).await?;
    let until = (now + LIFE).timestamp_millis();
    Insert::into(TABLE).set("user_id", user_id).set("until_ms", until).run(tx).await
}

/// Whether the operator has set the account's password just now.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn is_new(store: &Store, user_id: Id, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let query = Sql::select()
        .column("until_ms")
        .from(TABLE)
        .and_where(Expr::col("user_id").eq(user_id))
        .and_where(Expr::col("until_ms").gt(now.timestamp_millis()))
        .to_owned();
    Ok(store.fetch_optional::<(i64,)>(&query).await?.is_some())
}

/// Forgets those whose time is over.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sweep(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    store.delete_where(TABLE, [Expr::col("until_ms").lte(now.timestamp_millis())]).await.map(drop)
}
