//! The last admin who can sign in stays one, whoever takes admins away.

use sea_query::{Cond, Expr, ExprTrait, Order, Query as Sql};

use super::identities;
use crate::config::Config;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, Transaction};

/// How people sign in to this server.
#[derive(Debug, Clone, Copy)]
pub struct WaysIn {
    pub password: bool,
    /// By the provider that knows people.
    pub provider: bool,
}

impl WaysIn {
    pub(crate) fn of(config: &Config) -> Self {
        Self { password: config.zendo.password_sign_in.0, provider: config.providers().next().is_some() }
    }

    /// Whether the row of a user is of somebody who can sign in.
    fn condition(self) -> Cond {
        let mut condition = Cond::any().add(Expr::col("external_user_id").is_not_null());
        if self.password {
            condition = condition.add(Expr::col("password").is_not_null());
        }
        if self.provider {
            condition = condition.add(Expr::exists(identities::of_user(Expr::col(("user", "id")))));
        }
        condition
    }
}

/// Refuses to take the last admin away who can sign in. It has to be the first step of its transaction: of two
/// that take an admin away at once, the second waits for the first one's end, and then sees what it left.
///
/// # Errors
/// 403 when `leaving` is the last one; the store's own errors.
pub(crate) async fn keep_an_admin(tx: &mut Transaction, leaving: Id, ways_in: WaysIn) -> ApiResult<()> {
    match is_last_admin(tx, leaving, ways_in).await? {
        true => Err(ApiError::illegal(
            "This is the last active admin. Make another user an admin first: without one, nobody could \
             administer this server any more.",
        )),
        false => Ok(()),
    }
}

/// Whether it is the last admin who can sign in, after the turn to take admins away has come.
///
/// # Errors
/// The store's own.
pub(crate) async fn is_last_admin(tx: &mut Transaction, leaving: Id, ways_in: WaysIn) -> ApiResult<bool> {
    tx.lock("admins").await?;
    let others_first = Sql::select()
        .column(("user", "id"))
        .from("user")
        .and_where(Expr::col("is_admin").eq(true))
        .and_where(Expr::col("active").eq(true))
        .and_where(Expr::col("is_service_account").eq(false))
        .cond_where(ways_in.condition())
        .order_by_expr(Expr::col("id").eq(leaving), Order::Asc)
        .limit(1)
        .to_owned();
    let found = tx.fetch_optional::<(Id,)>(&others_first).await?;
    Ok(found.is_some_and(|(id,)| id == leaving))
}

/// Whether that user, who may be inactive, can prove who they are.
///
/// # Errors
/// The store's own.
pub(crate) async fn can_sign_in(tx: &mut Transaction, id: Id, ways_in: WaysIn) -> ApiResult<bool> {
    let query = Sql::select()
        .column(("user", "id"))
        .from("user")
        .and_where(Expr::col("id").eq(id))
        .cond_where(ways_in.condition())
        .to_owned();
    Ok(tx.fetch_optional::<(Id,)>(&query).await?.is_some())
}

/// Whether there is an admin who can sign in.
///
/// # Errors
/// The store's own.
pub(crate) async fn has_admin(tx: &mut Transaction, ways_in: WaysIn) -> ApiResult<bool> {
    let query = Sql::select()
        .column(("user", "id"))
        .from("user")
        .and_where(Expr::col("is_admin").eq(true))
        .and_where(Expr::col("active").eq(true))
        .and_where(Expr::col("is_service_account").eq(false))
        .cond_where(ways_in.condition())
        .limit(1)
        .to_owned();
    Ok(tx.fetch_optional::<(Id,)>(&query).await?.is_some())
}
