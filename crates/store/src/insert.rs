//! A row to insert, column by column, so that name and value stand together.

use sea_query::{InsertStatement, Query, SimpleExpr};

use super::{Id, StoreError, Timestamp, Transaction};

/// A new row of one table.
#[derive(Debug, Clone)]
pub struct Insert {
    table: &'static str,
    columns: Vec<&'static str>,
    values: Vec<SimpleExpr>,
}

impl Insert {
    pub fn into(table: &'static str) -> Self {
        Self { table, columns: Vec::new(), values: Vec::new() }
    }

    pub fn set(mut self, column: &'static str, value: impl Into<SimpleExpr>) -> Self {
        self.columns.push(column);
        self.values.push(value.into());
        self
    }

    /// The three columns that almost every table of ZenML has.
    pub fn stamped(self, id: Id, now: Timestamp) -> Self {
        self.set("id", id).set("created", now).set("updated", now)
    }

    pub fn statement(self) -> InsertStatement {
        Query::insert().into_table(self.table).columns(self.columns).values_panic(self.values).to_owned()
    }

    /// Inserts the row.
    ///
    /// # Errors
    /// When a constraint refuses it or the database doesn't answer.
    pub async fn run(self, tx: &mut Transaction) -> Result<(), StoreError> {
        tx.execute(&self.statement()).await.map(drop)
    }
}
