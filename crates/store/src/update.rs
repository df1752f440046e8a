//! A change to one row, column by column; what wasn't asked for stays.

use sea_query::{Expr, ExprTrait, Query, SimpleExpr, UpdateStatement};

use super::{Id, StoreError, Timestamp, Transaction};

/// A change to the row of a table with this id.
#[derive(Debug, Clone)]
pub struct Update {
    table: &'static str,
    id: Id,
    values: Vec<(&'static str, SimpleExpr)>,
}

impl Update {
    /// Every change notes when it was made.
    pub fn of(table: &'static str, id: Id, now: Timestamp) -> Self {
        Self { table, id, values: vec![("updated", now.into())] }
    }

    /// A change that is no news to those who look for what has changed: `updated` stays, as in ZenML.
    pub fn unnoted(table: &'static str, id: Id) -> Self {
        Self { table, id, values: Vec::new() }
    }

    pub fn set(mut self, column: &'static str, value: impl Into<SimpleExpr>) -> Self {
        self.values.push((column, value.into()));
        self
    }

    /// Sets the column when there is a value.
    pub fn maybe(self, column: &'static str, value: Option<impl Into<SimpleExpr>>) -> Self {
        match value {
            Some(value) => self.set(column, value),
            None => self,
        }
    }

    /// Sets columns from fields of the same names: [`fields!`](macro@crate::fields).
    pub fn set_all(self, fields: impl IntoIterator<Item = (&'static str, SimpleExpr)>) -> Self {
        fields.into_iter().fold(self, |change, (column, value)| change.set(column, value))
    }

    /// Sets the columns whose fields were sent: [`sent_fields!`](macro@crate::sent_fields).
    pub fn maybe_all(self, fields: impl IntoIterator<Item = (&'static str, Option<SimpleExpr>)>) -> Self {
        fields.into_iter().fold(self, |change, (column, value)| change.maybe(column, value))
    }

    /// The columns that change, besides the moment of the change.
    pub fn changed(&self) -> Vec<&'static str> {
        self.values.iter().map(|(column, _)| *column).filter(|column| *column != "updated").collect()
    }

    pub fn statement(self) -> UpdateStatement {
        Query::update()
            .table(self.table)
            .values(self.values)
            .and_where(Expr::col("id").eq(self.id))
            .to_owned()
    }

    /// Changes the row.
    ///
    /// # Errors
    /// When a constraint refuses it or the database doesn't answer.
    pub async fn run(self, tx: &mut Transaction) -> Result<(), StoreError> {
        tx.execute(&self.statement()).await.map(drop)
    }
}
