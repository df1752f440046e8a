//! Reading by the same code before a transaction and within it.

use std::future::Future;

use sea_query::SelectStatement;

use super::{Row, Store, StoreError, Transaction};

/// The store, or a transaction, which others wait for: what it can be spared is read from the store.
pub trait Reads: Send {
    /// The first row of a query.
    ///
    /// # Errors
    /// As [`Store::fetch_optional`].
    fn first<R: Row>(
        &mut self,
        query: &SelectStatement,
    ) -> impl Future<Output = Result<Option<R>, StoreError>> + Send;
}

impl Reads for &Store {
    async fn first<R: Row>(&mut self, query: &SelectStatement) -> Result<Option<R>, StoreError> {
        self.fetch_optional(query).await
    }
}

impl Reads for Transaction {
    async fn first<R: Row>(&mut self, query: &SelectStatement) -> Result<Option<R>, StoreError> {
        self.fetch_optional(query).await
    }
}
