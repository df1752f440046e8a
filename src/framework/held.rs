//! What goes when something else is deleted, and has a scope of its own.

use sea_query::{Expr, ExprTrait, Query as Sql};

use super::{Context, Resource};
use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::http::error::ApiResult;
use crate::store::{Id, Transaction};

/// Things of another kind that go with the one that a column of theirs names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub table: &'static str,
    pub column: &'static str,
    needs: Permission,
}

impl Held {
    pub(crate) const fn new(kind: Kind, table: &'static str, column: &'static str) -> Self {
        Self { table, column, needs: kind.to(Verb::Delete) }
    }

    /// What a route may do that deletes such a thing.
    pub(crate) const fn also(self) -> Also {
        Also::met(self.needs, "some that go with it")
    }
}

/// Checks that the token may delete what goes with a thing, if there is any.
///
/// # Errors
/// 403 with what is missing; the store's own.
pub(crate) async fn refuse_held<R: Resource>(cx: &Context, tx: &mut Transaction, id: Id) -> ApiResult<()> {
    for Held { table, column, needs } in R::HOLDS {
        let Err(lacking) = cx.require(*needs) else { continue };
        let held =
            Sql::select().column("id").from(*table).and_where(Expr::col(*column).eq(id)).limit(1).to_owned();
        if tx.fetch_optional::<(Id,)>(&held).await?.is_some() {
            return Err(lacking);
        }
    }
    Ok(())
}
