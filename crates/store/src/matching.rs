//! Rows of a table that meet conditions: which they are, their change and their end.

use sea_query::{ConditionalStatement, Query, SelectStatement, SimpleExpr};

use super::{Id, Store, StoreError, Transaction};

/// The ids of the rows that meet all of these conditions.
pub fn ids_where(table: &'static str, conditions: impl IntoIterator<Item = SimpleExpr>) -> SelectStatement {
    narrowed(Query::select().column("id").from(table), conditions).to_owned()
}

fn narrowed<S: ConditionalStatement>(
    statement: &mut S,
    conditions: impl IntoIterator<Item = SimpleExpr>,
) -> &mut S {
    conditions.into_iter().fold(statement, ConditionalStatement::and_where)
}

impl Transaction {
    /// The id of the first row that meets all of these conditions.
    ///
    /// # Errors
    /// As [`Transaction::fetch_optional`].
    pub async fn id_where(
        &mut self,
        table: &'static str,
        conditions: impl IntoIterator<Item = SimpleExpr>,
    ) -> Result<Option<Id>, StoreError> {
        let found = self.fetch_optional::<(Id,)>(&ids_where(table, conditions)).await?;
        Ok(found.map(|(id,)| id))
    }

    /// Sets one column of the rows that meet all of these conditions, and returns how many they were.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn set_where(
        &mut self,
        table: &'static str,
        (column, value): (&'static str, impl Into<SimpleExpr>),
        conditions: impl IntoIterator<Item = SimpleExpr>,
    ) -> Result<u64, StoreError> {
        self.execute(narrowed(Query::update().table(table).value(column, value), conditions)).await
    }

    /// Deletes the rows that meet all of these conditions, and returns how many they were.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn delete_where(
        &mut self,
        table: &'static str,
        conditions: impl IntoIterator<Item = SimpleExpr>,
    ) -> Result<u64, StoreError> {
        self.execute(narrowed(Query::delete().from_table(table), conditions)).await
    }
}

impl Store {
    /// Deletes the rows that meet all of these conditions, by themselves.
    ///
    /// # Errors
    /// The database's own.
    pub async fn delete_where(
        &self,
        table: &'static str,
        conditions: impl IntoIterator<Item = SimpleExpr>,
    ) -> Result<u64, StoreError> {
        self.execute(narrowed(Query::delete().from_table(table), conditions)).await
    }
}
