//! Joins by what a column refers to.

use sea_query::{Expr, ExprTrait, SelectStatement};

/// What rows of other tables can be joined to.
pub trait JoinById {
    /// Joins the row of a table whose id that column has.
    fn join_by_id(&mut self, table: &'static str, reference: (&'static str, &'static str)) -> &mut Self;
}

impl JoinById for SelectStatement {
    fn join_by_id(&mut self, table: &'static str, reference: (&'static str, &'static str)) -> &mut Self {
        self.inner_join(table, Expr::col((table, "id")).equals(reference))
    }
}
