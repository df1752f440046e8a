//! Rows of a table that meet conditions: which they are, their change and their end.

use sea_query::{Query, SelectStatement, SimpleExpr};

use super::{Id, StoreError, Transaction};

/// The ids of the rows that meet all of these conditions.
pub fn ids_where(table: &'static str, conditions: impl IntoIterator<Item = SimpleExpr>) -> SelectStatement {
    let mut ids = Query::select();
    ids.column("id").from(table);
    for condition in conditions {
        ids.and_where(condition);
    }
    ids
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
        let mut update = Query::update();
        update.table(table).value(column, value);
        for condition in conditions {
            update.and_where(condition);
        }
        self.execute(&update).await
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
        let mut delete = Query::delete();
        delete.from_table(table);
        for condition in conditions {
            delete.and_where(condition);
        }
        self.execute(&delete).await
    }
}
