//! What handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use crate::accounts::users::UserRow;
use crate::api::identity::devices::DevicePolls;
use crate::api::server::settings::{self, SettingsRow};
use crate::api::stacks::secrets::SecretCipher;
use crate::audit::Audit;
use crate::auth::api_key::ApiKeyDigests;
use crate::auth::csrf::CsrfTokens;
use crate::auth::jwt::TokenSettings;
use crate::auth::keys::Keeper;
use crate::auth::workload::Leeway;
use crate::auth::{
    Identities, KnownPlaces, LastUsed, Passwords, Register, Revocations, Standing, Throttle, Tokens,
    VerifiedToken,
};
use crate::config::{Config, Names, Networks, PreflightMethod, Secret, SecretsStoreType, ServerSettings};
use crate::connections::ConnectionLimits;
use crate::env::Environment;
use crate::env::clock::SharedClock;
use crate::env::random::SharedRandomness;
use crate::http::budgets::Budgets;
use crate::http::client_address::UntrustedProxies;
use crate::idempotency::Replays;
use crate::json_schema::SchemaChecks;
use crate::local_files::LocalFiles;
use crate::login::basic::BasicCredentials;
use crate::login::grants::authority::Authority;
use crate::login::login_limit::LoginLimit;
use crate::store::{Id, Remembered, Store, StoreError, Timestamp};
use crate::work::Orphans;

/// The running application. Cloning it is cheap.
pub type AppState = Arc<App>;

pub struct App {
    pub config: ServerSettings,
    pub store: Store,
    /// The same, by connections that lists don't take: for signing in, the checks of tokens, and revocation.
    pub auth_store: Store,
    pub server_id: Id,
    pub cookie_name: String,
    pub tokens: Tokens,
    pub signing_keys: Keeper,
    pub csrf_tokens: CsrfTokens,
    pub api_key_digests: ApiKeyDigests,
    pub secrets_store: SecretsStoreType,
    pub secret_cipher: SecretCipher,
    pub passwords: Passwords,
    pub identities: Identities,
    pub revocations: Revocations,
    pub register: Register,
    pub last_used: LastUsed,
    pub throttle: Throttle,
    pub known_places: KnownPlaces,
    pub authority: Authority,
    pub login_limit: LoginLimit,
    pub basic_credentials: BasicCredentials,
    pub trusted_proxies: Networks,
    pub untrusted_proxies: UntrustedProxies,
    pub connection_limits: ConnectionLimits,
    pub budgets: Budgets,
    /// Service accounts that may ask about tokens of others.
    pub introspection_accounts: Names,
    /// By what forward-auth knows a preflight, if it lets any through.
    pub forward_auth_preflight: Option<PreflightMethod>,
    /// Whom requests speak for when authentication is turned off.
    pub default_user: String,
    /// Name of the project that a list is of when its caller names none.
    pub default_project: String,
    /// How long a finished run's tokens go on.
    pub workload_leeway: Leeway,
    /// For so long a token that has ended stays in the register.
    pub token_history: TimeDelta,
    pub device_polls: DevicePolls,
    pub activity: Activity,
    /// How far this server's clock was ahead of the database's, in milliseconds, when it was last looked.
    clock_ahead_ms: AtomicI64,
    pub local_files: LocalFiles,
    pub replays: Replays,
    /// Requests that go on without their callers.
    pub orphans: Orphans,
    pub schema_checks: SchemaChecks,
    pub audit: Audit,
    pub clock: SharedClock,
    pub random: SharedRandomness,
    settings: Remembered<SettingsRow>,
}

/// What credentials are made and checked with, as the store keeps it for all replicas.
#[derive(Debug)]
pub struct Proofs {
    pub signing_secret: SecretString,
    pub api_key_pepper: SecretString,
    pub signing_keys: Keeper,
    pub revocations: Revocations,
}

impl App {
    pub fn new(
        config: Config,
        store: Store,
        settings: &SettingsRow,
        proofs: Proofs,
        audit: Audit,
        environment: Environment,
    ) -> Self {
        let Environment { clock, random, password_cost } = environment;
        let Proofs { signing_secret, api_key_pepper, signing_keys, revocations } = proofs;
        let server_id = settings.id;
        let auth_store = store.reserved();
        let own_files = config.own_files();
        let workload_leeway = config.workload.leeway();
        let connection_limits = ConnectionLimits::new(&config.server, &config.zendo);
        let signing_algorithm = config.zendo.signing_algorithm;
        let introspection_accounts = config.zendo.introspection_accounts;
        let token_history = TimeDelta::days(config.zendo.token_history.0.into());
        let forward_auth_preflight = config.zendo.forward_auth_preflight;
        let trusted_proxies = config.zendo.trusted_proxies;
        let local_files =
            LocalFiles::new(config.zendo.local_files_root.map(|root| root.0)).without(own_files);
        let default_user = config.bootstrap.user_name.0;
        let default_project = config.bootstrap.project_name.0;
        let secrets_store = config.secrets_store.r#type;
        let encryption_key = config.secrets_store.encryption_key.map(|Secret(key)| key);
        let config = config.server;
        let name_or_id = |name: &Option<crate::config::Text>| {
            name.as_ref().map_or_else(|| server_id.to_string(), |name| name.0.clone())
        };
        let token_settings = TokenSettings {
            issuer: name_or_id(&config.jwt_token_issuer),
            audience: name_or_id(&config.jwt_token_audience),
            leeway_seconds: config.jwt_token_leeway_seconds.0,
            algorithm: config.jwt_token_algorithm,
            secret: signing_secret.clone(),
            signing_algorithm,
            keys: signing_keys.ring(),
        };
        let default_cookie_name = || format!("zenml-server-{server_id}");
        Self {
            cookie_name: config
                .auth_cookie_name
                .as_ref()
                .map_or_else(default_cookie_name, |name| name.0.clone()),
            tokens: Tokens::new(token_settings, Arc::clone(&random)),
            signing_keys,
            csrf_tokens: CsrfTokens::new(signing_secret.clone()),
            known_places: KnownPlaces::new(auth_store.clone(), signing_secret),
            authority: Authority::default(),
            api_key_digests: ApiKeyDigests::new(api_key_pepper),
            secrets_store,
            secret_cipher: SecretCipher::new(encryption_key.as_ref()),
            passwords: Passwords::new(password_threads(config.auth_thread_pool_size.0), password_cost),
            identities: Identities::new(auth_store.clone()),
            revocations,
            register: Register::new(auth_store.clone()),
            last_used: LastUsed::default(),
            throttle: Throttle::new(auth_store.clone()),
            login_limit: LoginLimit::new(&config),
            basic_credentials: BasicCredentials::new(&*random),
            trusted_proxies,
            untrusted_proxies: UntrustedProxies::default(),
            connection_limits,
            budgets: Budgets::new(&config),
            introspection_accounts,
            forward_auth_preflight,
            default_user,
            default_project,
            workload_leeway,
            token_history,
            device_polls: DevicePolls::new(config.device_auth_polling_interval.0),
            local_files,
            activity: Activity::new(settings.last_user_activity),
            clock_ahead_ms: AtomicI64::new(0),
            replays: Replays::new(auth_store.clone(), &config),
            orphans: Orphans::new(Duration::from_secs(config.request_timeout.0.into())),
            schema_checks: SchemaChecks::default(),
            audit,
            settings: Remembered::default(),
            config,
            store,
            auth_store,
            server_id,
            clock,
            random,
        }
    }

    /// What a token remembers that is made from this one: it goes back to the same proof. The one that asks was just found
    /// to be of this password.
    pub fn standing_of_child(
        &self,
        parent: &VerifiedToken,
        password_changed_at: Option<Timestamp>,
    ) -> Standing {
        let generation = parent.claims.generation;
        let generation = generation.unwrap_or_else(|| self.revocations.generation(parent.claims.sub));
        Standing { generation, password_changed_at }
    }

    /// What a token remembers whose account has just proved itself by other means than a token.
    pub fn standing_of_account(&self, user: &UserRow) -> Standing {
        let generation = self.revocations.generation(user.id.0);
        Standing { generation, password_changed_at: user.password_changed_at }
    }

    /// Looks how far this server's clock is from the database's, and says so when that has begun or ended to matter:
    /// tokens of one replica are too early or too late for another one then.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn check_clock(&self) -> Result<(), StoreError> {
        let ahead = self.store.clock_ahead(|| self.clock.now()).await?;
        let before = self.wrong_clock();
        self.clock_ahead_ms.store(ahead.num_milliseconds(), Ordering::Relaxed);
        match (before, self.wrong_clock()) {
            (None, Some(difference)) => tracing::warn!("{difference}"),
            (Some(_), None) => tracing::info!("the clock of this server is the database's again"),
            _ => {}
        }
        Ok(())
    }

    /// What is wrong with this server's clock, if it is more than a second from the database's.
    pub fn wrong_clock(&self) -> Option<String> {
        let ahead = self.clock_ahead_ms.load(Ordering::Relaxed);
        let seconds = ahead.unsigned_abs() as f64 / 1000.0;
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        (ahead.abs() > 1000)
            .then(|| format!("the clock of this server is {seconds:.1} seconds {way} the database's"))
    }

    /// The server's row, at most a second old.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn settings(&self) -> Result<Arc<SettingsRow>, Arc<StoreError>> {
        let id = self.server_id.0;
        let found = self.settings.get(id, async || settings::find(&self.auth_store).await.map(Some)).await?;
        found.ok_or_else(|| Arc::new(StoreError::RowNotFound))
    }

    /// Forgets the server's row, since it was just changed here.
    pub async fn forget_settings(&self) {
        self.settings.forget(self.server_id.0).await;
    }
}

/// Password checks fill a core each: at least half of the cores stay free for other requests.
fn password_threads(configured: u32) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    usize::try_from(configured).unwrap_or(usize::MAX).min((cores / 2).max(1))
}

/// When somebody last used the server: kept in memory and written now and then, never by the request itself.
#[derive(Debug)]
pub struct Activity {
    /// Microseconds since 1970.
    last: AtomicI64,
    written: AtomicI64,
}

impl Activity {
    fn new(last: Timestamp) -> Self {
        let micros = last.to_utc().timestamp_micros();
        Self { last: AtomicI64::new(micros), written: AtomicI64::new(micros) }
    }

    pub fn note(&self, now: DateTime<Utc>) {
        self.last.fetch_max(now.timestamp_micros(), Ordering::Relaxed);
    }

    pub fn last(&self) -> Timestamp {
        let micros = self.last.load(Ordering::Relaxed);
        Timestamp::new(DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::UNIX_EPOCH))
    }

    /// Writes the last activity, if there was any since the last write.
    ///
    /// # Errors
    /// When the database doesn't answer; the next call tries again.
    pub async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let last = self.last();
        let micros = last.to_utc().timestamp_micros();
        if self.written.load(Ordering::Relaxed) >= micros {
            return Ok(());
        }
        let statement = settings::note_activity(last);
        store.execute(&statement).await?;
        self.written.fetch_max(micros, Ordering::Relaxed);
        Ok(())
    }
}
