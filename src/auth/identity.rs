//! What a token says, as the store has it: the account, and what the token is bound to, remembered for a second.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::workload::{self, DeploymentState, RunState, ScheduleState};
use crate::resources::api_keys::{self, KeyToProve};
use crate::resources::devices::{self, DeviceRow};
use crate::resources::users::{self, UserRow};
use crate::store::{Id, Store, StoreError};

/// For so long a change made by another replica may go unseen; changes made here are seen at once.
const LIFE: Duration = Duration::from_secs(1);
const REMEMBERED: u64 = 10_000;

/// Rows of one kind. Requests that ask for the same one at the same time share a query, so a row in steady use
/// costs one query a second, whatever its requests.
#[derive(Clone)]
struct Remembered<V: Send + Sync + 'static>(moka::future::Cache<Uuid, Option<Arc<V>>>);

impl<V: Send + Sync + 'static> Remembered<V> {
    fn new() -> Self {
        Self(moka::future::Cache::builder().max_capacity(REMEMBERED).time_to_live(LIFE).build())
    }

    /// A query's future is large, and is a box of its own lest each request that finds the row carries its size along,
    /// and each that waits for another's query.
    async fn get<F: Future<Output = Result<Option<V>, StoreError>>>(
        &self,
        id: Uuid,
        load: impl FnOnce() -> F,
    ) -> Result<Option<Arc<V>>, Arc<StoreError>> {
        if let Some(row) = self.0.get(&id).await {
            return Ok(row);
        }
        let load = async { Ok(Box::pin(load()).await?.map(Arc::new)) };
        Box::pin(self.0.try_get_with(id, load)).await
    }
}

/// Reads what tokens say through a cache of each kind of row.
#[derive(Clone)]
pub struct Identities {
    store: Store,
    accounts: Remembered<UserRow>,
    api_keys: Remembered<KeyToProve>,
    devices: Remembered<DeviceRow>,
    runs: Remembered<RunState>,
    schedules: Remembered<ScheduleState>,
    deployments: Remembered<DeploymentState>,
}

impl Identities {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            accounts: Remembered::new(),
            api_keys: Remembered::new(),
            devices: Remembered::new(),
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
        self.accounts.get(id, || users::find_account(&self.store, Id(id))).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn api_key(&self, id: Uuid) -> Result<Option<Arc<KeyToProve>>, Arc<StoreError>> {
        self.api_keys.get(id, || api_keys::find_for_authentication(&self.store, Id(id))).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn device(&self, id: Uuid) -> Result<Option<Arc<DeviceRow>>, Arc<StoreError>> {
        self.devices.get(id, || devices::find_for_authentication(&self.store, Id(id))).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn run(&self, id: Uuid) -> Result<Option<Arc<RunState>>, Arc<StoreError>> {
        self.runs.get(id, || workload::find_run(&self.store, id)).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn schedule(&self, id: Uuid) -> Result<Option<Arc<ScheduleState>>, Arc<StoreError>> {
        self.schedules.get(id, || workload::find_schedule(&self.store, id)).await
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn deployment(&self, id: Uuid) -> Result<Option<Arc<DeploymentState>>, Arc<StoreError>> {
        self.deployments.get(id, || workload::find_deployment(&self.store, id)).await
    }

    /// Forgets an account that was just changed here, and what its API keys say of it.
    pub async fn forget(&self, id: Uuid) {
        self.accounts.0.invalidate(&id).await;
        // Few keys are remembered at a time, and this is rare: simpler than to know whose each of them is.
        self.api_keys.0.invalidate_all();
    }

    /// Forgets an API key that was just changed here.
    pub async fn forget_api_key(&self, id: Uuid) {
        self.api_keys.0.invalidate(&id).await;
    }

    /// Forgets a device that was just changed here.
    pub async fn forget_device(&self, id: Uuid) {
        self.devices.0.invalidate(&id).await;
    }
}
