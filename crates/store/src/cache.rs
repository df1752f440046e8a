//! Rows that are asked for again and again, remembered for a moment.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use moka::future;
use uuid::Uuid;

use super::StoreError;

/// For so long a change made by another replica may go unseen; changes made here are seen at once. A second is promised:
/// the rest of it is for the query, and for a machine that is busy.
const LIFE: Duration = Duration::from_millis(400);
const MOST_ROWS: u64 = 10_000;

/// The cache's code is large and the same for each kind of row.
type AnyRow = Arc<dyn Any + Send + Sync>;
type Loaded = Result<Option<AnyRow>, StoreError>;

/// Rows of one kind. Requests that ask for the same one at the same time share a query, so a row in steady use
/// costs a few queries a second, whatever its requests.
pub struct Cache<V> {
    rows: future::Cache<Uuid, Option<AnyRow>>,
    kind: PhantomData<fn() -> V>,
}

impl<V: Send + Sync + 'static> Cache<V> {
    /// The row with that id.
    ///
    /// A query's future is large, and is a box of its own lest each request that finds the row carries its size along,
    /// and each that waits for another's query.
    ///
    /// # Errors
    /// What `load` ends in.
    pub async fn get<F: Future<Output = Result<Option<V>, StoreError>> + Send>(
        &self,
        id: Uuid,
        load: impl FnOnce() -> F,
    ) -> Result<Option<Arc<V>>, Arc<StoreError>> {
        let row = match self.rows.get(&id).await {
            Some(row) => row,
            None => {
                let load = load();
                let load: BoxFuture<'_, Loaded> =
                    Box::pin(async { Ok(load.await?.map(|row| Arc::new(row) as AnyRow)) });
                let loaded: BoxFuture<'_, Result<_, Arc<StoreError>>> =
                    Box::pin(self.rows.try_get_with(id, load));
                loaded.await?
            }
        };
        Ok(row.and_then(|row| row.downcast().ok()))
    }

    /// Forgets a row that was just changed here.
    pub async fn forget(&self, id: Uuid) {
        self.rows.invalidate(&id).await;
    }

    pub fn forget_all(&self) {
        self.rows.invalidate_all();
    }
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        let rows = future::Cache::builder().max_capacity(MOST_ROWS).time_to_live(LIFE).build();
        Self { rows, kind: PhantomData }
    }
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), kind: PhantomData }
    }
}
