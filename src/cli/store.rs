//! The store of a server, opened by the operator beside it.

use std::path::Path;

use super::serve::config_from_environment;
use super::{CliError, program};
use crate::audit::Audit;
use crate::config::{Config, Destination};
use crate::env::Environment;
use crate::startup::{self, StartupError};
use crate::store::{ConnectError, Store};

/// Opens the store that the settings name; `data_dir` goes before them. With `is_to_change`, zendo's own tables are
/// there afterwards: a database that only ZenML has used yet lacks them.
///
/// # Errors
/// Exit code 2 for an invalid setting, 1 for a store that can't be opened.
pub(super) async fn open(
    data_dir: Option<&Path>,
    is_to_change: bool,
    program: &str,
) -> Result<(Store, Config), CliError> {
    let (mut config, warnings) = config_from_environment()?;
    if let Some(folder) = data_dir {
        config.zendo.data_dir = folder.to_owned();
    }
    for warning in warnings {
        program::complain(&format!("warning: {warning}"));
    }
    let cannot_open = |error| cannot_open(error, program);
    let store = startup::open_made(&config).await.map_err(cannot_open)?;
    if is_to_change {
        store.migrate().await.map_err(|error| cannot_open(error.into()))?;
    }
    Ok((store, config))
}

/// The audit of that store. What the commands print is for people, so no records go to standard output.
///
/// # Errors
/// Exit code 1 when the file of its lines can't be opened.
pub(super) fn open_audit(
    store: &Store,
    config: &Config,
    environment: &Environment,
) -> Result<Audit, CliError> {
    let mut settings = config.zendo.clone();
    settings.audit_log = settings.audit_log.filter(|log| log.0 != Destination::Stdout);
    Audit::open(store.clone(), &settings, environment)
        .map_err(|error| CliError::failure(StartupError::AuditLog(error).to_string()))
}

fn cannot_open(error: StartupError, program: &str) -> CliError {
    let is_missing =
        matches!(error, StartupError::NotMade { .. } | StartupError::Connect(ConnectError::Missing { .. }));
    CliError::failure(match is_missing {
        true => format!(
            "{error}\nGive --data-dir, ZENDO_DATA_DIR or ZENML_STORE_URL as the server has it. A new database is \
             made by the first `{program} serve`."
        ),
        false => error.to_string(),
    })
}
