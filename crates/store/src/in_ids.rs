//! Being one of several ids.

use sea_query::{Expr, ExprTrait, SelectStatement, SimpleExpr};

use super::{Id, Row, Store, StoreError};

/// Ids that are looked up in a column which mostly has none, at most. MySQL and MariaDB look for each of less than 200 in the
/// index; of more they think as many have each as the index has on average, and nulls count: then they read the table.
const LOOKED_UP: usize = 128;

/// What can be compared with ids.
pub trait InIds: ExprTrait {
    /// Whether this is one of the ids. Their number goes up to the next power of two by the last one's being said again:
    /// so statements for pages of all sizes have few lengths, and connections remember how they have prepared them.
    fn in_ids(self, ids: impl IntoIterator<Item = Id>) -> SimpleExpr;
}

impl<T: ExprTrait> InIds for T {
    fn in_ids(self, ids: impl IntoIterator<Item = Id>) -> SimpleExpr {
        let mut ids: Vec<Id> = ids.into_iter().collect();
        if let Some(last) = ids.last().copied() {
            ids.resize(ids.len().next_power_of_two(), last);
        }
        self.is_in(ids)
    }
}

impl Store {
    /// All rows of a query that have one of these ids in a column which mostly has none; some ids at a time, each part in the
    /// query's order.
    ///
    /// # Errors
    /// As [`Store::fetch_all`].
    pub async fn fetch_looked_up<R: Row>(
        &self,
        query: &SelectStatement,
        column: &'static str,
        ids: &[Id],
    ) -> Result<Vec<R>, StoreError> {
        let mut rows = Vec::new();
        for ids in ids.chunks(LOOKED_UP) {
            let query = query.clone().and_where(Expr::col(column).in_ids(ids.iter().copied())).to_owned();
            rows.extend(self.fetch_all::<R>(&query).await?);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use sea_query::{Expr, Query, SqliteQueryBuilder};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn statements_have_few_lengths() {
        let sql = |number: u128| {
            let ids = (0..number).map(|id| Id(Uuid::from_u128(id)));
            Query::select()
                .column("id")
                .from("t")
                .and_where(Expr::col("id").in_ids(ids))
                .build(SqliteQueryBuilder)
                .0
        };
        assert_eq!(sql(3), sql(4));
        assert_eq!(sql(65), sql(100));
        assert_ne!(sql(4), sql(5));
    }
}
