//! The account behind a token, as the store has it, remembered for a second.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::resources::users::{self, UserRow};
use crate::store::{Id, Store, StoreError};

/// For so long a change made by another replica may go unseen; changes made here are seen at once.
const LIFE: Duration = Duration::from_secs(1);
const REMEMBERED_ACCOUNTS: u64 = 10_000;

/// Reads accounts through a cache: one query a second for an account in steady use, whatever its requests.
#[derive(Debug, Clone)]
pub struct Identities {
    store: Store,
    accounts: moka::future::Cache<Uuid, Option<Arc<UserRow>>>,
}

impl Identities {
    pub fn new(store: Store) -> Self {
        let accounts =
            moka::future::Cache::builder().max_capacity(REMEMBERED_ACCOUNTS).time_to_live(LIFE).build();
        Self { store, accounts }
    }

    /// The account with that id. Requests that ask at the same time share one query.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn account(&self, id: Uuid) -> Result<Option<Arc<UserRow>>, Arc<StoreError>> {
        if let Some(account) = self.accounts.get(&id).await {
            return Ok(account);
        }
        let load = async { Ok(users::find_account(&self.store, Id(id)).await?.map(Arc::new)) };
        self.accounts.try_get_with(id, load).await
    }

    /// Forgets an account that was just changed here.
    pub async fn forget(&self, id: Uuid) {
        self.accounts.invalidate(&id).await;
    }
}
