//! Deleting what is over, some rows at a time, so that other writers come between.

use std::time::{Duration, Instant};

use sea_query::{Expr, ExprTrait, Query, SimpleExpr};

use super::{Store, StoreError};

/// For so long one sweep goes on; the next one goes on from there.
const BUDGET: Duration = Duration::from_secs(10);

impl Store {
    /// Deletes some of the rows that are over, at most so many, by a key that is text, and says how many it was. Not every engine deletes so
    /// many and no more, so they are looked up first.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(
        &self,
        table: &'static str,
        key: &'static str,
        is_over: &SimpleExpr,
        most: u64,
    ) -> Result<u64, StoreError> {
        let over = Query::select().column(key).from(table).and_where(is_over.clone()).limit(most).to_owned();
        let over: Vec<(String,)> = self.fetch_all(&over).await?;
        if over.is_empty() {
            return Ok(0);
        }
        let delete = Query::delete()
            .from_table(table)
            .and_where(Expr::col(key).is_in(over.into_iter().map(|(key,)| key)))
            // One may have been renewed since.
            .and_where(is_over.clone())
            .to_owned();
        self.execute(&delete).await
    }

    /// Deletes the rows that are over, with [`Store::sweep`]: all of them, or as many as there is time for.
    ///
    /// # Errors
    /// As [`Store::sweep`].
    pub async fn sweep_all(
        &self,
        table: &'static str,
        key: &'static str,
        is_over: &SimpleExpr,
        at_once: u64,
    ) -> Result<(), StoreError> {
        let start = Instant::now();
        while self.sweep(table, key, is_over, at_once).await? >= at_once && start.elapsed() < BUDGET {}
        Ok(())
    }
}
