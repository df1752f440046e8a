//! What handlers share, in groups: each handler names the groups that it needs ([`FromRef`]), a resource's takes a
//! [`Context`](crate::framework::Context). The whole goes to ways in, and to open routes that ask as a layer does who it is:
//! a caller is proved with all of it but what resources alone use.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::extract::FromRef;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use crate::accounts::admins::WaysIn;
use crate::accounts::server::{self, SettingsRow};
use crate::accounts::users::UserRow;
use crate::audit::{Audit, Shipper};
use crate::auth::api_key::ApiKeyDigests;
use crate::auth::authority::Authority;
use crate::auth::basic::BasicCredentials;
use crate::auth::cipher::SecretCipher;
use crate::auth::csrf::CsrfTokens;
use crate::auth::device_polls::DevicePolls;
use crate::auth::jwt::TokenSettings;
use crate::auth::keys::KeyStore;
use crate::auth::login_limit::LoginLimit;
use crate::auth::oidc::Oidc;
use crate::auth::{
    Identities, KnownPlaces, LastUsed, Passwords, Register, Revocations, Standing, Throttle, Tokens,
    VerifiedToken,
};
use crate::config::{Config, Leeway, Names, PreflightMethod, Secret, SecretsStoreType, ServerSettings, Text};
use crate::connections::ConnectionLimits;
use crate::env::Environment;
use crate::http::budgets::Budgets;
use crate::http::client_address::Proxies;
use crate::idempotency::Replays;
use crate::intake::Intake;
use crate::issuers::Issuers;
use crate::json_schema::SchemaChecks;
use crate::local_files::LocalFiles;
use crate::outbound::Outbound;
use crate::store::{Cache, Id, Store, StoreError, Timestamp};
use crate::tasks::Detached;
use crate::warnings::Warnings;

/// The running application. Cloning it is cheap.
#[derive(Clone)]
pub struct AppState(Arc<App>);

pub struct App {
    pub env: Environment,
    pub config: Arc<ServerSettings>,
    pub store: Store,
    /// The same, by connections that lists don't take: for signing in, the checks of tokens, and revocation.
    pub auth_store: Store,
    pub server: Arc<Server>,
    pub auth: Arc<Auth>,
    pub sign_in: Arc<SignIn>,
    pub audit: Arc<Audit>,
    pub warnings: Arc<Warnings>,
    pub edge: Arc<Edge>,
    pub programs: Arc<Programs>,
    pub secrets: Arc<SecretsStore>,
    pub replays: Arc<Replays>,
    pub intake: Arc<Intake>,
    pub local_files: Arc<LocalFiles>,
    pub schema_checks: Arc<SchemaChecks>,
    pub outbound: Outbound,
    pub issuers: Issuers,
}

/// Who this server is.
pub struct Server {
    pub id: Id,
    pub cookie_name: String,
    /// Whom requests speak for when authentication is turned off.
    pub default_user: String,
    /// Name of the project that a list is of when its caller names none.
    pub default_project: String,
    /// The kinds of resource that a scope can name.
    pub kinds: &'static BTreeSet<&'static str>,
    pub activity: Activity,
    /// How far this server's clock was ahead of the database's, in milliseconds, when it was last looked.
    clock_ahead_ms: AtomicI64,
    settings: Cache<SettingsRow>,
}

/// What tokens and keys are made, checked and taken back with.
pub struct Auth {
    pub tokens: Tokens,
    pub signing_keys: KeyStore,
    pub csrf_tokens: CsrfTokens,
    pub api_key_digests: ApiKeyDigests,
    pub passwords: Passwords,
    pub identities: Identities,
    pub revocations: Revocations,
    pub register: Register,
    pub last_used: LastUsed,
    /// Seconds that an API key may live.
    pub api_key_max_lifetime: Option<i64>,
    /// How long a finished run's tokens go on.
    pub workload_leeway: Leeway,
    /// For so long a token that has ended stays in the register.
    pub token_history: TimeDelta,
}

/// [`App::auth_store`] as a handler's argument.
pub(crate) struct AuthStore(pub Store);

impl FromRef<AppState> for AuthStore {
    fn from_ref(app: &AppState) -> Self {
        Self(app.auth_store.clone())
    }
}

/// What bounds attempts to sign in, and remembers them.
pub struct SignIn {
    pub throttle: Throttle,
    pub known_places: KnownPlaces,
    pub authority: Authority,
    pub login_limit: LoginLimit,
    pub basic_credentials: BasicCredentials,
    pub device_polls: DevicePolls,
    /// The providers that know people, where there are any.
    pub oidc: Option<Oidc>,
    pub ways_in: WaysIn,
}

/// Where requests come from, and what they may have at a time.
pub struct Edge {
    pub proxies: Proxies,
    pub connection_limits: ConnectionLimits,
    pub budgets: Budgets,
    /// Requests that go on without their callers.
    pub detached: Detached,
}

/// What programs that go by this server's tokens may ask.
#[derive(Debug)]
pub struct Programs {
    /// Service accounts that may ask about tokens of others.
    pub introspection_accounts: Names,
    /// By what forward-auth knows a preflight, if it lets any through.
    pub forward_auth_preflight: Option<PreflightMethod>,
}

/// How the values of secrets are kept.
#[derive(Debug)]
pub struct SecretsStore {
    pub kind: SecretsStoreType,
    pub cipher: SecretCipher,
}

/// What credentials are made and checked with, as the store keeps it for all replicas.
#[derive(Debug)]
pub struct Proofs {
    pub signing_secret: SecretString,
    pub api_key_pepper: SecretString,
    pub signing_keys: KeyStore,
    pub revocations: Revocations,
}

impl Deref for AppState {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0
    }
}

/// A group as a handler's argument.
macro_rules! group {
    ($($field:ident: $group:ty),* $(,)?) => {
        $(impl FromRef<AppState> for $group {
            fn from_ref(app: &AppState) -> Self {
                app.$field.clone()
            }
        })*
    };
}

group! {
    env: Environment,
    config: Arc<ServerSettings>,
    store: Store,
    server: Arc<Server>,
    auth: Arc<Auth>,
    sign_in: Arc<SignIn>,
    audit: Arc<Audit>,
    edge: Arc<Edge>,
    programs: Arc<Programs>,
    secrets: Arc<SecretsStore>,
    local_files: Arc<LocalFiles>,
    intake: Arc<Intake>,
    schema_checks: Arc<SchemaChecks>,
}

impl AppState {
    pub fn new(
        config: Config,
        store: Store,
        settings: &SettingsRow,
        proofs: Proofs,
        audit: Audit,
        env: Environment,
        kinds: &'static BTreeSet<&'static str>,
    ) -> Self {
        let (server, auth_store) = (Server::new(&config, settings, kinds), store.reserved());
        let own_files = config.own_files();
        let local_files = config.zendo.local_files_root.as_ref().map(|root| root.0.clone());
        let encryption_key = config.secrets_store.encryption_key.as_ref().map(|Secret(key)| key);
        let issuers = Issuers::new(Outbound::anywhere());
        let sign_in = SignIn::new(&config, &auth_store, &proofs.signing_secret, &env, &issuers);
        let app = App {
            sign_in: Arc::new(sign_in),
            auth: Arc::new(Auth::new(&config, server.id, &auth_store, proofs, &env, audit.shipper())),
            server: Arc::new(server),
            edge: Arc::new(Edge::new(&config)),
            programs: Arc::new(Programs {
                introspection_accounts: config.zendo.introspection_accounts.clone(),
                forward_auth_preflight: config.zendo.forward_auth_preflight,
            }),
            secrets: Arc::new(SecretsStore {
                kind: config.secrets_store.r#type,
                cipher: SecretCipher::new(encryption_key),
            }),
            local_files: Arc::new(LocalFiles::new(local_files).without(own_files)),
            replays: Arc::new(Replays::new(auth_store.clone(), &config.server)),
            intake: Arc::new(Intake::new(&config.zendo)),
            schema_checks: Arc::default(),
            issuers,
            warnings: Arc::new(Warnings::new(&config.zendo, &auth_store, &env)),
            outbound: Outbound::new(config.zendo.connector_networks.0.iter().copied()),
            audit: Arc::new(audit),
            config: Arc::new(config.server),
            store,
            auth_store,
            env,
        };
        Self(Arc::new(app))
    }
}

impl App {
    /// Looks how far this server's clock is from the database's, and says so when that has begun or ended to matter:
    /// tokens of one replica are too early or too late for another one then.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn check_clock(&self) -> Result<(), StoreError> {
        let ahead = self.store.clock_ahead(|| self.env.clock.now()).await?;
        let before = self.server.wrong_clock();
        self.server.clock_ahead_ms.store(ahead.num_milliseconds(), Ordering::Relaxed);
        match (before, self.server.wrong_clock()) {
            (None, Some(difference)) => tracing::warn!("{difference}"),
            (Some(_), None) => tracing::info!("the clock of this server is the database's again"),
            _ => {}
        }
        Ok(())
    }

    /// Who this server is to others, who are asked for tokens that are for it: its address, if the operator says that.
    pub fn own_audience(&self) -> &str {
        self.auth.own_audience(&self.config)
    }

    /// Where callers reach this server: as the operator says, else as this one did.
    pub fn base_url(&self, headers: &HeaderMap) -> String {
        base_url(&self.config, headers)
    }
}

/// As [`App::base_url`].
pub(crate) fn base_url(config: &ServerSettings, headers: &HeaderMap) -> String {
    if let Some(url) = &config.server_url {
        return url.0.clone();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("http://{host}{}", config.root_url_path.0)
}

impl Server {
    fn new(config: &Config, settings: &SettingsRow, kinds: &'static BTreeSet<&'static str>) -> Self {
        let default_cookie_name = || format!("zenml-server-{}", settings.id);
        let cookie_name = config.server.auth_cookie_name.as_ref().map(|name| name.0.clone());
        Self {
            id: settings.id,
            cookie_name: cookie_name.unwrap_or_else(default_cookie_name),
            default_user: config.bootstrap.user_name.0.clone(),
            default_project: config.bootstrap.project_name.0.clone(),
            kinds,
            activity: Activity::new(settings.body.last_user_activity),
            clock_ahead_ms: AtomicI64::new(0),
            settings: Cache::default(),
        }
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
    pub async fn settings(&self, store: &Store) -> Result<Arc<SettingsRow>, Arc<StoreError>> {
        let find = async || server::find(store).await.map(Some);
        let found = self.settings.get(self.id.0, find).await?;
        found.ok_or_else(|| Arc::new(StoreError::RowNotFound))
    }

    /// Forgets the server's row, since it was just changed here.
    pub async fn forget_settings(&self) {
        self.settings.forget(self.id.0).await;
    }
}

impl Auth {
    fn new(
        config: &Config,
        server_id: Id,
        store: &Store,
        proofs: Proofs,
        env: &Environment,
        shipper: Option<Arc<Shipper>>,
    ) -> Self {
        let settings = &config.server;
        let name_or_id = |name: &Option<Text>| {
            name.as_ref().map_or_else(|| server_id.to_string(), |Text(name)| name.clone())
        };
        let token_settings = TokenSettings {
            issuer: name_or_id(&settings.jwt_token_issuer),
            audience: name_or_id(&settings.jwt_token_audience),
            leeway_seconds: settings.jwt_token_leeway_seconds.0,
            algorithm: settings.jwt_token_algorithm,
            secret: proofs.signing_secret.clone(),
            signing_algorithm: config.zendo.signing_algorithm,
            keys: proofs.signing_keys.ring(),
        };
        Self {
            tokens: Tokens::new(token_settings, Arc::clone(&env.random)),
            signing_keys: proofs.signing_keys,
            csrf_tokens: CsrfTokens::new(proofs.signing_secret),
            api_key_digests: ApiKeyDigests::new(proofs.api_key_pepper),
            passwords: Passwords::new(password_threads(settings.auth_thread_pool_size.0), env.password_cost),
            identities: Identities::new(store.clone()),
            revocations: proofs.revocations,
            register: Register::new(store.clone(), shipper),
            last_used: LastUsed::default(),
            api_key_max_lifetime: config.zendo.api_key_max_lifetime.map(|most| most.0.into()),
            workload_leeway: config.workload.leeway(),
            token_history: TimeDelta::days(config.zendo.token_history.0.into()),
        }
    }

    /// As [`App::own_audience`].
    pub fn own_audience<'a>(&'a self, config: &'a ServerSettings) -> &'a str {
        config.server_url.as_ref().map_or_else(|| self.tokens.parties().1, |url| url.0.as_str())
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
}

impl SignIn {
    fn new(
        config: &Config,
        store: &Store,
        signing_secret: &SecretString,
        env: &Environment,
        issuers: &Issuers,
    ) -> Self {
        Self {
            throttle: Throttle::new(store.clone()),
            known_places: KnownPlaces::new(store.clone(), signing_secret.clone()),
            authority: Authority::default(),
            login_limit: LoginLimit::new(&config.server),
            basic_credentials: BasicCredentials::new(&*env.random),
            device_polls: DevicePolls::new(config.server.device_auth_polling_interval.0),
            oidc: Oidc::new(config, signing_secret, issuers),
            ways_in: WaysIn::of(config),
        }
    }
}

impl Edge {
    fn new(config: &Config) -> Self {
        Self {
            proxies: Proxies::new(config.zendo.trusted_proxies.clone()),
            connection_limits: ConnectionLimits::new(&config.server, &config.zendo),
            budgets: Budgets::new(&config.server),
            detached: Detached::new(Duration::from_secs(config.server.request_timeout.0.into())),
        }
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
        let micros = now.timestamp_micros();
        // All requests come here, of which one in a thousandth of a second is enough.
        if micros - self.last.load(Ordering::Relaxed) >= 1_000 {
            self.last.fetch_max(micros, Ordering::Relaxed);
        }
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
        let statement = server::note_activity(last);
        store.execute(&statement).await?;
        self.written.fetch_max(micros, Ordering::Relaxed);
        Ok(())
    }
}
