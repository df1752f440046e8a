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

/// Rows of one statement at most.
const AT_ONCE: usize = 64;

impl Transaction {
    /// Inserts rows of one table that have the same columns, by few statements. These have few lengths, the powers of two,
    /// so that connections remember how they have prepared them.
    ///
    /// # Errors
    /// As [`Insert::run`]; when the columns are not the same.
    pub async fn insert_all(&mut self, rows: &[Insert]) -> Result<(), StoreError> {
        let mut rest = rows;
        while let [first, ..] = rest {
            let length = 1 << rest.len().min(AT_ONCE).ilog2();
            let (some, others) = rest.split_at(length);
            let mut statement =
                Query::insert().into_table(first.table).columns(first.columns.clone()).to_owned();
            for row in some {
                if row.columns != first.columns {
                    return Err(StoreError::Protocol(
                        "rows of one statement have the same columns".to_owned(),
                    ));
                }
                statement.values_panic(row.values.iter().cloned());
            }
            self.execute(&statement).await?;
            rest = others;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unmigrated;
    use crate::{Store, is_duplicate};

    fn turn(number: i64) -> Insert {
        Insert::into("zendo_turn").set("name", format!("{number:03}")).set("taken", number)
    }

    async fn insert(store: &Store, numbers: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let rows = &numbers.into_iter().map(turn).collect::<Vec<_>>();
        let written = store.write(|mut tx| async move {
            tx.insert_all(rows).await?;
            tx.commit(()).await
        });
        written.await
    }

    #[tokio::test]
    async fn all_rows_are_inserted_each_once_or_none() {
        let (store, _folder) = unmigrated().await;
        store.migrate().await.unwrap();
        let query = Query::select().columns(["name", "taken"]).from("zendo_turn").to_owned();
        let mut end = 0;
        for count in [1, 0, 2, 3, 7, 64, 65, 200] {
            insert(&store, end..end + count).await.unwrap();
            end += count;
            // The last of them is there.
            let error = insert(&store, (end..end + 9).chain([0])).await.unwrap_err();
            assert!(is_duplicate(&error), "{error}");
            let mut there: Vec<(String, i64)> = store.fetch_all(&query).await.unwrap();
            there.sort();
            assert!(there.into_iter().eq((0..end).map(|number| (format!("{number:03}"), number))));
        }
    }
}
