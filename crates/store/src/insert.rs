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

    /// Sets columns from a request's fields of the same names: [`fields!`](macro@crate::fields).
    pub fn set_all(self, fields: impl IntoIterator<Item = (&'static str, SimpleExpr)>) -> Self {
        fields.into_iter().fold(self, |row, (column, value)| row.set(column, value))
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

/// Columns and what they are to hold, from the fields of a request that have their names.
#[macro_export]
macro_rules! fields {
    ($request:expr; $($field:ident),+ $(,)?) => {
        [$((stringify!($field), $request.$field.clone().into())),+]
    };
}

/// As [`fields!`](macro@crate::fields), of a change: a field that wasn't sent is no column.
#[macro_export]
macro_rules! sent_fields {
    ($request:expr; $($field:ident),+ $(,)?) => {
        [$((stringify!($field), $request.$field.clone().map(Into::into))),+]
    };
}
