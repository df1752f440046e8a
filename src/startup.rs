//! From settings to an application that is ready to serve: open the store, make the schema, leave the first rows.

use std::future::Future;
use std::io::ErrorKind::{InvalidInput, NotFound, PermissionDenied};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::accounts::server;
use crate::api::server::dashboard;
use crate::app::{AppState, Proofs};
use crate::audit::Audit;
use crate::auth::cipher::SecretCipher;
use crate::auth::keys::{KeyError, KeyStore};
use crate::auth::password::{self, PasswordError};
use crate::auth::{Passwords, Revocations};
use crate::config::{Config, ConfigError, Flag, Secret, StoreLocation};
use crate::env::Environment;
use crate::routes;
use crate::seed::{self, FirstAdmin, Seed};
use crate::store::{self, ConnectError, MigrationError, Store, StoreError};

/// Bytes of randomness in a signing secret: as many as SHA-512 gives out (RFC 7518, section 3.2).
const SECRET_BYTES: usize = 64;
/// Between two attempts at a database that is away, and how many of them are told in one line of the log.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);
const ATTEMPTS_A_LINE: u32 = 20;
const SIGNING_SECRET: &str = "jwt_signing_secret";
const API_KEY_PEPPER: &str = "api_key_pepper";

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Migration(#[from] MigrationError),
    #[error("the database {database} is not set up yet")]
    NotMade { database: String },
    #[error("the store can't be read or written: {0}")]
    Store(#[from] StoreError),
    #[error("the file of ZENDO_AUDIT_LOG can't be opened: {0}")]
    AuditLog(std::io::Error),
    #[error(transparent)]
    SigningKey(#[from] KeyError),
    #[error("ZENML_SERVER_DASHBOARD_FILES_PATH: {} can't be opened: {error}; give a folder with a dashboard's \
             index.html, or none", .folder.join("index.html").display())]
    Dashboard { folder: PathBuf, error: std::io::Error },
    #[error("the first password can't be hashed: {0}")]
    Password(#[from] PasswordError),
    #[error("the server was told to stop before it had started")]
    Stopped,
}

impl StartupError {
    /// What keeps a database in the network from its work for a time. A wrong name, password or certificate doesn't
    /// pass.
    fn passing(&self) -> Option<&'static str> {
        let error = match self {
            Self::Connect(ConnectError::Open { source, .. }) => source,
            Self::Migration(MigrationError::Sql(error)) | Self::Store(error) => error,
            _ => return None,
        };
        match error {
            StoreError::Tls(_) => None,
            StoreError::Io(error) if matches!(error.kind(), NotFound | PermissionDenied | InvalidInput) => {
                None
            }
            error => store::passing(error),
        }
    }
}

/// How a person signs in to the server that just started.
#[derive(Debug)]
pub enum SignIn {
    /// With the account that is already there.
    Known,
    /// With the password that the operator has set.
    Configured { name: String },
    /// With a password that was made just now; it is shown this once.
    Generated { name: String, password: SecretString },
    /// Not before somebody activates the server.
    Activation,
}

/// Opens the store and makes the application.
///
/// # Errors
/// [`StartupError`]; nothing was changed in a database that is refused.
pub async fn start(config: Config, environment: Environment) -> Result<(AppState, SignIn), StartupError> {
    start_unless(std::future::pending(), config, environment).await
}

/// As [`start`], but for `stop`, which ends the wait for a database that is away.
///
/// # Errors
/// [`StartupError`]; [`StartupError::Stopped`] when it was told to stop before the database was there.
pub(crate) async fn start_unless(
    stop: impl Future<Output = ()>,
    config: Config,
    environment: Environment,
) -> Result<(AppState, SignIn), StartupError> {
    if let Some(folder) = &config.server.dashboard_files_path {
        dashboard::check(folder)
            .map_err(|error| StartupError::Dashboard { folder: folder.clone(), error })?;
    }
    config.check_folders()?;
    let store = open(&config, stop).await?;
    let sign_in = leave_first_rows(&store, &config, &environment).await?;
    let settings = server::find(&store).await?;
    store.note_made();
    let sign_in = if settings.body.active { sign_in } else { SignIn::Activation };
    let proofs = proofs(&store, &config, &environment).await?;
    let audit = Audit::open(store.reserved(), &config.zendo, &environment).map_err(StartupError::AuditLog)?;
    let app = AppState::new(config, store, &settings, proofs, audit, environment, routes::kinds());
    app.check_clock().await?;
    Ok((app, sign_in))
}

/// The store with its schema. A database in the network that is not there yet, as when all of a machine starts at once, is
/// waited for.
async fn open(config: &Config, stop: impl Future<Output = ()>) -> Result<Store, StartupError> {
    let options = config.store_options();
    let is_file = matches!(config.store_location(), StoreLocation::Sqlite { .. });
    let wait = Duration::from_secs(config.zendo.store_wait.0.into());
    let (mut stop, start) = (pin!(stop), Instant::now());
    for attempt in 0_u32.. {
        let connected = tokio::select! {
            biased;
            () = &mut stop => return Err(StartupError::Stopped),
            connected = Store::connect(&options) => connected,
        };
        let error = match connected {
            Ok(store) => match store.migrate().await {
                Ok(()) => return Ok(store),
                Err(error) => {
                    store.close().await;
                    StartupError::from(error)
                }
            },
            Err(error) => error.into(),
        };
        let left = wait.saturating_sub(start.elapsed());
        let Some(reason) = error.passing().filter(|_| !is_file && !left.is_zero()) else { return Err(error) };
        if attempt.is_multiple_of(ATTEMPTS_A_LINE) {
            let left = left.as_secs();
            tracing::warn!(%error, "waiting for the database: {reason}; {left} seconds are left (ZENDO_STORE_WAIT)");
        }
        tokio::select! {
            () = &mut stop => return Err(StartupError::Stopped),
            () = tokio::time::sleep(BETWEEN_ATTEMPTS.min(left)) => {}
        }
    }
    Err(StartupError::Stopped)
}

async fn proofs(store: &Store, config: &Config, environment: &Environment) -> Result<Proofs, StartupError> {
    let (now, random) = (environment.clock.now(), &environment.random);
    let make = || random.text::<SECRET_BYTES>();
    let signing_secret = match &config.server.jwt_secret_key {
        Some(Secret(secret)) => secret.clone(),
        None => store.shared_secret(SIGNING_SECRET, now, make).await?,
    };
    let signing_keys = key_store(store.reserved(), config, environment);
    signing_keys.start(now).await?;
    Ok(Proofs {
        signing_secret,
        api_key_pepper: store.shared_secret(API_KEY_PEPPER, now, make).await?,
        signing_keys,
        revocations: Revocations::load(store.reserved(), now).await?,
    })
}

/// Who reads and makes the signing keys of a store, with these settings.
pub(crate) fn key_store(store: Store, config: &Config, environment: &Environment) -> KeyStore {
    let encryption_key = config.secrets_store.encryption_key.as_ref().map(|Secret(key)| key);
    let cipher = SecretCipher::new(encryption_key);
    KeyStore::new(store, cipher, config.zendo.signing_algorithm, Arc::clone(&environment.random))
}

/// Opens the store that a server has been started with before.
///
/// # Errors
/// [`StartupError`] when there is none; nothing was made or changed then.
pub(crate) async fn open_made(config: &Config) -> Result<Store, StartupError> {
    let store = Store::connect_existing(&config.store_options()).await?;
    match store.is_made().await? {
        true => Ok(store),
        false => Err(StartupError::NotMade { database: store.description().to_owned() }),
    }
}

async fn leave_first_rows(
    store: &Store,
    config: &Config,
    environment: &Environment,
) -> Result<SignIn, StartupError> {
    if store.is_seeded().await? {
        seed::order_built_ins(store).await?;
        seed::describe_flavors(store).await?;
        return Ok(SignIn::Known);
    }
    let name = config.bootstrap.user_name.0.clone();
    let (sign_in, password) = match (&config.server.auto_activate, &config.bootstrap.user_password) {
        (Some(Flag(false)), _) => (SignIn::Activation, None),
        (_, Some(Secret(password))) => (SignIn::Configured { name: name.clone() }, Some(password.clone())),
        (_, None) => {
            let password = password::make(&*environment.random);
            (SignIn::Generated { name: name.clone(), password: password.clone() }, Some(password))
        }
    };
    let admin = match password {
        Some(password) => {
            let passwords = Passwords::new(1, environment.password_cost);
            Some(FirstAdmin { name, password_hash: passwords.hash(password).await? })
        }
        None => None,
    };
    let first_rows = Seed {
        server_name: config.server.server_name.0.clone(),
        display_announcements: config.server.display_announcements.0,
        display_updates: config.server.display_updates.0,
        project_name: config.bootstrap.project_name.0.clone(),
        admin,
    };
    let is_first = seed::seed(store, &first_rows, environment.clock.now(), &*environment.random).await?;
    Ok(if is_first { sign_in } else { SignIn::Known })
}
