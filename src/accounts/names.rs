//! Names of accounts: no new one may pass for another's, wherever accounts are made or renamed.

use sea_query::{Expr, ExprTrait, Query as Sql};
use uuid::Uuid;

use crate::http::error::{ApiError, ApiResult};
use crate::store::{Engine, Id, StoreError, Transaction, folded, tidied};

/// Takes a name for an account. It has to be the first step of its transaction.
///
/// # Errors
/// As [`check_name`].
pub(crate) async fn take_name(tx: &mut Transaction, engine: Engine, id: Id, name: &str) -> ApiResult<()> {
    lock_names(tx).await?;
    check_name(tx, engine, id, name).await
}

/// Waits for the turn to give names, as the first step of a transaction: of two that take names alike at once, the second
/// waits for the first one's end.
///
/// # Errors
/// The store's own.
pub(crate) async fn lock_names(tx: &mut Transaction) -> Result<(), StoreError> {
    tx.lock("account_names").await
}

/// Checks a new name of an account, for whoever has the turn.
///
/// A user and a service account may bear the same name, as in ZenML; that two of a kind don't is the table's own rule.
///
/// # Errors
/// 409 for a name that differs from another account's in case, and otherwise in blanks at most; the store's own errors.
pub(crate) async fn check_name(tx: &mut Transaction, engine: Engine, id: Id, name: &str) -> ApiResult<()> {
    let alike = Sql::select()
        .column("name")
        .from("user")
        .and_where(Expr::col("id").ne(id))
        .and_where(engine.may_be_named("name", name))
        .to_owned();
    let alike: Vec<(String,)> = tx.fetch_all(&alike).await?;
    // Names with other blanks are told apart wherever zendo writes them for others.
    let differs_in_case = |other: &str| folded(other) == folded(name) && tidied(other) != tidied(name);
    match alike.into_iter().find(|(other,)| differs_in_case(other)) {
        Some((other,)) => Err(refused(&other)),
        None => Ok(()),
    }
}

fn refused(other: &str) -> ApiError {
    let message = format!(
        "There is an account with the name '{other}' already, and names that differ only in case are taken for one \
         another."
    );
    ApiError::exists(message)
}

/// One spelling of a name or id, whether an account has it or not: who guesses may learn nothing from whether two
/// spellings have one limit.
pub(crate) fn canonical(name: &str) -> String {
    match Uuid::try_parse(name.trim()) {
        Ok(id) => id.to_string(),
        Err(_) => folded(name),
    }
}
