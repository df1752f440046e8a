//! What a token says, as the store has it: the account, and what the token is bound to, remembered for a moment.

use std::sync::Arc;

use uuid::Uuid;

use super::key_proof::{self, KeyToProve};
use super::workload::{self, DeploymentState, RunState, ScheduleState};
use crate::accounts::deactivation;
use crate::accounts::devices::{self, DeviceRow};
use crate::accounts::users::{self, Account, UserRow};
use crate::store::{Cache, Id, Store, StoreError, Timestamp};

/// Reads what tokens say through a cache of each kind of row.
#[derive(Clone)]
pub struct Identities {
    store: Store,
    accounts: Cache<Account>,
    api_keys: Cache<KeyToProve>,
    devices: Cache<DeviceRow>,
    runs: Cache<RunState>,
    schedules: Cache<ScheduleState>,
    deployments: Cache<DeploymentState>,
    deactivations: Cache<Deactivation>,
}

/// When an account's deactivation ended its tokens.
struct Deactivation(Timestamp);

impl Identities {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            accounts: Cache::default(),
            api_keys: Cache::default(),
            devices: Cache::default(),
            runs: Cache::default(),
            schedules: Cache::default(),
            deployments: Cache::default(),
            deactivations: Cache::default(),
        }
    }

    /// The account with that id.
    ///
    /// # Errors
    /// When the database doesn't answer; so do the others.
    pub async fn account(&self, id: Uuid) -> Result<Option<Arc<Account>>, Arc<StoreError>> {
        let find = async || Ok(users::find_account(&self.store, Id(id)).await?.map(Account::new));
        self.accounts.get(id, find).await
    }

    /// The account as the store has it now.
    ///
    /// # Errors
    /// As [`Identities::account`].
    pub async fn account_again(&self, id: Uuid) -> Result<Option<Arc<Account>>, Arc<StoreError>> {
        self.accounts.forget(id).await;
        self.account(id).await
    }

    /// Whether it was the account's deactivation that ended its tokens last, rather than another password.
    ///
    /// # Errors
    /// As [`Identities::account`].
    pub async fn ended_by_deactivation(&self, user: &UserRow) -> Result<bool, Arc<StoreError>> {
        let find = async || Ok(deactivation::find(&self.store, user.id).await?.map(|(at,)| Deactivation(at)));
        let last = self.deactivations.get(user.id.0, find).await?;
        Ok(last.is_some_and(|last| Some(last.0) == user.password_changed_at))
    }

    /// # Errors
    /// As [`Identities::account`].
    pub async fn api_key(&self, id: Uuid) -> Result<Option<Arc<KeyToProve>>, Arc<StoreError>> {
        self.api_keys.get(id, || key_proof::find_for_authentication(&self.store, Id(id))).await
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
        self.accounts.forget(id).await;
        self.deactivations.forget(id).await;
        // Few keys are remembered at a time, and this is rare: simpler than to know whose each of them is.
        self.api_keys.forget_all();
    }

    /// Forgets an API key that was just changed here.
    pub async fn forget_api_key(&self, id: Uuid) {
        self.api_keys.forget(id).await;
    }

    /// Forgets a run that has just ended here.
    pub async fn forget_run(&self, id: Uuid) {
        self.runs.forget(id).await;
    }

    /// Forgets a schedule that was just changed here.
    pub async fn forget_schedule(&self, id: Uuid) {
        self.schedules.forget(id).await;
    }

    /// Forgets what tokens of work are bound to, since something was deleted here. That is rare: simpler than to know
    /// what goes with what.
    pub fn forget_work(&self) {
        self.runs.forget_all();
        self.schedules.forget_all();
        self.deployments.forget_all();
    }

    /// Forgets a device that was just changed here.
    pub async fn forget_device(&self, id: Uuid) {
        self.devices.forget(id).await;
    }
}
