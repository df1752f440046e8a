//! What a token says, as the store has it: the account, and what the token is bound to, remembered for a second.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::workload::{self, DeploymentState, RunState, ScheduleState};
use crate::resources::users::{self, UserRow};
use crate::store::{Id, Store, StoreError};

/// For so long a change made by another replica may go unseen; changes made here are seen at once.
const LIFE: Duration = Duration::from_secs(1);
const REMEMBERED: u64 = 10_000;

/// Rows of one kind. Requests that ask for the same one at the same time share a query, so a row in steady use
/// costs one query a second, whatever its requests.
#[derive(Debug, Clone)]
struct Remembered<V: Send + Sync + 'static>(moka::future::Cache<Uuid, Option<Arc<V>>>);

impl<V: Send + Sync + 'static> Remembered<V> {
    fn new() -> Self {
        Self(moka::future::Cache::builder().max_capacity(REMEMBERED).time_to_live(LIFE).build())
    }

    async fn get(
        &self,
        id: Uuid,
        load: impl Future<Output = Result<Option<V>, StoreError>>,
    ) -> Result<Option<Arc<V>>, Arc<StoreError>> {
        if let Some(row) = self.0.get(&id).await {
            return Ok(row);
        }
        self.0.try_get_with(id, async { Ok(load.await?.map(Arc::new)) }).await
    }
}

/// Reads what tokens say through a cache of each kind of row.
#[derive(Debug, Clone)]
pub struct Identities {
    store: Store,
    accounts: Remembered<UserRow>,
    runs: Remembered<RunState>,
    schedules: Remembered<ScheduleState>,
    deployments: Remembered<DeploymentState>,
}

impl Identities {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            accounts: Remembered::new(),
            runs: Remembered::new(),
            schedules: Remembered::new(),
            deployments: Remembered::new(),
        }
    }

    /// The account with that id.
    ///
    /// # Errors
    /// When the database doesn't answer; so do the others.
    pub async fn account(&self, id: Uuid) -> Result<Option<Arc<UserRow>>, Arc<StoreError>> {
        self.accounts.get(id, users::find_account(&self.store, Id(id))).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn run(&self, id: Uuid) -> Result<Option<Arc<RunState>>, Arc<StoreError>> {
        self.runs.get(id, workload::find_run(&self.store, id)).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn schedule(&self, id: Uuid) -> Result<Option<Arc<ScheduleState>>, Arc<StoreError>> {
        self.schedules.get(id, workload::find_schedule(&self.store, id)).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn deployment(&self, id: Uuid) -> Result<Option<Arc<DeploymentState>>, Arc<StoreError>> {
        self.deployments.get(id, workload::find_deployment(&self.store, id)).await
    }

    /// Forgets an account that was just changed here.
    pub async fn forget(&self, id: Uuid) {
        self.accounts.0.invalidate(&id).await;
    }
}
