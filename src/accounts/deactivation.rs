//! The moment at which an account's deactivation ended its tokens: it stands where the last change of the password does,
//! and is told apart from one by being noted here too.

use sea_query::{Expr, ExprTrait, Query as Sql};

use crate::store::{Id, Store, StoreError, Timestamp, Transaction};

const TABLE: &str = "zendo_deactivation";

/// Notes the moment that the account's row has by now.
pub(crate) async fn note(tx: &mut Transaction, id: Id) -> Result<(), StoreError> {
    forget(tx, id).await?;
    let ended = Sql::select()
        .columns(["id", "password_changed_at"])
        .from("user")
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("active").eq(false))
        .and_where(Expr::col("password_changed_at").is_not_null())
        .to_owned();
    let mut insert = Sql::insert();
    insert.into_table(TABLE).columns(["user_id", "tokens_ended"]);
    insert.select_from(ended).map_err(|error| StoreError::Encode(error.into()))?;
    tx.execute(&insert).await.map(drop)
}

async fn forget(tx: &mut Transaction, id: Id) -> Result<(), StoreError> {
    tx.delete_where(TABLE, [Expr::col("user_id").eq(id)]).await.map(drop)
}

/// When the account's last deactivation ended its tokens, if it had one.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find(store: &Store, id: Id) -> Result<Option<(Timestamp,)>, StoreError> {
    let query =
        Sql::select().column("tokens_ended").from(TABLE).and_where(Expr::col("user_id").eq(id)).to_owned();
    store.fetch_optional(&query).await
}

/// Deletes the notes on accounts that are gone.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sweep(store: &Store) -> Result<(), StoreError> {
    const AT_ONCE: u64 = 500;
    let account = Sql::select()
        .column(("user", "id"))
        .from("user")
        .and_where(Expr::col(("user", "id")).equals((TABLE, "user_id")))
        .to_owned();
    store.sweep_all(TABLE, "user_id", &Expr::exists(account).not(), AT_ONCE).await
}
