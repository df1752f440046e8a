//! Which server a command talks to, and which settings go with it.

use std::time::Duration;

use super::credentials::{Grant, Origin, grant_of};
use super::settings::{DEFAULT_TIMEOUT, SignIn, StoreSettings, TlsCheck};
use super::{ClientError, ServerUrl};

/// A server and what is set for it outside `credentials.yaml`.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its address.
    pub server: ServerUrl,
    /// What to sign in with, when the environment or `config.yaml` says so.
    pub sign_in: SignIn,
    /// Which of the two said so.
    pub origin: Origin,
    /// How its certificate is checked.
    pub tls: TlsCheck,
    /// How long a request may take.
    pub timeout: Duration,
}

/// Finds the server: the `requested` one, or else the environment's, or else the one in `config.yaml`.
///
/// As in the official client, an address in the environment replaces the whole of `config.yaml`'s store, and
/// other variables replace single settings of it. Credentials only ever go to the server they were set for:
/// a `requested` server other than the active one gets none of them.
///
/// # Errors
///
/// [`ClientError::NoServer`], [`ClientError::NotAServerStore`] or [`ClientError::InvalidUrl`].
pub fn resolve(
    requested: Option<ServerUrl>,
    environment: &StoreSettings,
    config: &StoreSettings,
) -> Result<Target, ClientError> {
    let (active, origin) = match environment.url {
        Some(_) => (environment.clone(), Origin::Environment),
        None => overlay(config, environment),
    };
    let active_server = active.url.as_deref().map(server_of).transpose();
    let server = match requested {
        Some(server) if active_server.as_ref().ok().and_then(Option::as_ref) != Some(&server) => {
            return Ok(Target {
                server,
                sign_in: SignIn::default(),
                origin: Origin::CredentialsFile,
                tls: environment.tls.clone().unwrap_or_default(),
                timeout: environment.timeout.unwrap_or(DEFAULT_TIMEOUT),
            });
        }
        Some(server) => server,
        None => active_server?.ok_or(ClientError::NoServer)?,
    };
    Ok(Target {
        server,
        sign_in: active.sign_in,
        origin,
        tls: active.tls.unwrap_or_default(),
        timeout: active.timeout.unwrap_or(DEFAULT_TIMEOUT),
    })
}

/// `base` with every setting that `over` has, and where the credentials in it come from.
fn overlay(base: &StoreSettings, over: &StoreSettings) -> (StoreSettings, Origin) {
    let (low, high) = (base.sign_in.clone(), over.sign_in.clone());
    let sign_in = SignIn {
        api_key: high.api_key.clone().or(low.api_key),
        username: high.username.clone().or(low.username),
        password: high.password.clone().or(low.password),
        api_token: high.api_token.clone().or(low.api_token),
    };
    let from_environment = match grant_of(&sign_in) {
        Some(Grant::ApiKey(_)) => high.api_key.is_some(),
        Some(Grant::Password { .. }) => high.username.is_some() || high.password.is_some(),
        None => high.api_token.is_some(),
    };
    let merged = StoreSettings {
        url: over.url.clone().or_else(|| base.url.clone()),
        sign_in,
        tls: over.tls.clone().or_else(|| base.tls.clone()),
        timeout: over.timeout.or(base.timeout),
    };
    (merged, if from_environment { Origin::Environment } else { Origin::ConfigFile })
}

/// The server behind a store's address; a database's address may hold a password and is never shown.
fn server_of(url: &str) -> Result<ServerUrl, ClientError> {
    const DATABASES: [&str; 3] = ["sqlite:", "mysql:", "mysql+"];
    if DATABASES.iter().any(|scheme| url.starts_with(scheme)) {
        return Err(ClientError::NotAServerStore);
    }
    ServerUrl::parse(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn settings(url: Option<&str>, key: Option<&str>, tls: Option<TlsCheck>) -> StoreSettings {
        StoreSettings {
            url: url.map(str::to_owned),
            sign_in: SignIn { api_key: key.map(SecretString::from), ..SignIn::default() },
            tls,
            timeout: None,
        }
    }

    fn server(text: &str) -> Option<ServerUrl> {
        Some(ServerUrl::parse(text).unwrap())
    }

    #[test]
    fn an_address_in_the_environment_replaces_all_of_the_file() {
        let environment = settings(Some("http://env/"), None, None);
        let config = settings(Some("http://file"), Some("k"), Some(TlsCheck::Off));
        let target = resolve(None, &environment, &config).unwrap();
        assert_eq!(target.server.as_str(), "http://env");
        assert!(target.sign_in.api_key.is_none());
        assert_eq!(target.tls, TlsCheck::Public);
    }

    #[test]
    fn other_variables_replace_single_settings_of_the_file() {
        let environment = settings(None, Some("k"), None);
        let config = settings(Some("http://file"), None, Some(TlsCheck::Off));
        let target = resolve(None, &environment, &config).unwrap();
        assert_eq!(target.server.as_str(), "http://file");
        assert!(target.sign_in.api_key.is_some());
        assert_eq!((target.origin, target.tls), (Origin::Environment, TlsCheck::Off));
    }

    #[test]
    fn credentials_never_go_to_a_server_they_were_not_set_for() {
        let environment = settings(Some("http://env"), Some("k"), None);
        let target = resolve(server("http://other"), &environment, &StoreSettings::default()).unwrap();
        assert!(target.sign_in.api_key.is_none());
        let target = resolve(server("http://env"), &environment, &StoreSettings::default()).unwrap();
        assert!(target.sign_in.api_key.is_some());
    }

    #[test]
    fn no_server_and_a_database_are_told_apart() {
        let nothing = StoreSettings::default();
        assert!(matches!(resolve(None, &nothing, &nothing), Err(ClientError::NoServer)));
        for url in ["sqlite:////x/zenml.db", "mysql://u:hunter2@h/db"] {
            let database = settings(Some(url), None, None);
            assert!(matches!(resolve(None, &nothing, &database), Err(ClientError::NotAServerStore)));
            assert!(resolve(server("http://h"), &nothing, &database).is_ok());
        }
    }
}
