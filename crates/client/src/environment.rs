//! The environment variables the official client reads, taken in once at the start.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::ClientError;
use super::settings::{SignIn, StoreSettings, TlsCheck};

/// The variables that hold credentials, and so win over what `login` and `logout` change.
pub const CREDENTIAL_VARIABLES: [&str; 4] =
    ["ZENML_STORE_API_KEY", "ZENML_STORE_USERNAME", "ZENML_STORE_PASSWORD", "ZENML_STORE_API_TOKEN"];

/// What the environment says.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The folder of `config.yaml` and `credentials.yaml`.
    pub config_folder: PathBuf,
    /// `ZENML_STORE_…`
    pub store: StoreSettings,
    /// `ZENML_ACTIVE_PROJECT_ID`
    pub active_project_id: Option<String>,
    /// `ZENML_ACTIVE_STACK_ID`
    pub active_stack_id: Option<String>,
    /// Whether `DISABLE_CREDENTIALS_DISK_CACHING` keeps credentials out of files.
    pub credentials_in_memory_only: bool,
    /// Those of [`CREDENTIAL_VARIABLES`] that are set.
    pub credential_variables: Vec<&'static str>,
}

impl Environment {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// [`ClientError::InvalidSetting`] when a variable has a value that cannot be used, or no folder for the
    /// configuration can be made out.
    pub fn from_process() -> Result<Self, ClientError> {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// Reads variables by way of `lookup`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ClientError> {
        let text = |name: &'static str| text_of(name, lookup(name));
        let secret = |name| Ok(text(name)?.map(SecretString::from));
        let store = StoreSettings {
            url: text("ZENML_STORE_URL")?,
            sign_in: SignIn {
                api_key: secret("ZENML_STORE_API_KEY")?,
                username: text("ZENML_STORE_USERNAME")?,
                password: secret("ZENML_STORE_PASSWORD")?,
                api_token: secret("ZENML_STORE_API_TOKEN")?,
            },
            tls: text("ZENML_STORE_VERIFY_SSL")?.as_deref().map(TlsCheck::from_text),
            timeout: text("ZENML_STORE_HTTP_TIMEOUT")?.map(|value| timeout_of(&value)).transpose()?,
        };
        Ok(Self {
            config_folder: config_folder(&lookup)?,
            store,
            active_project_id: text("ZENML_ACTIVE_PROJECT_ID")?,
            active_stack_id: text("ZENML_ACTIVE_STACK_ID")?,
            credentials_in_memory_only: text("DISABLE_CREDENTIALS_DISK_CACHING")?
                .is_some_and(|value| TlsCheck::from_text(&value) == TlsCheck::Public),
            credential_variables: CREDENTIAL_VARIABLES
                .into_iter()
                .filter(|name| lookup(name).is_some_and(|value| !value.is_empty()))
                .collect(),
        })
    }

    /// Where `config.yaml` is.
    pub fn config_file(&self) -> PathBuf {
        self.config_folder.join("config.yaml")
    }

    /// Where `credentials.yaml` is.
    pub fn credentials_file(&self) -> PathBuf {
        self.config_folder.join("credentials.yaml")
    }
}

/// A variable's text; an empty one counts as not set.
fn text_of(name: &str, value: Option<OsString>) -> Result<Option<String>, ClientError> {
    match value.map(OsString::into_string).transpose() {
        Ok(text) => Ok(text.filter(|text| !text.is_empty())),
        Err(_) => Err(invalid(name, "its value is not UTF-8 text")),
    }
}

fn timeout_of(value: &str) -> Result<Duration, ClientError> {
    match value.parse() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid("ZENML_STORE_HTTP_TIMEOUT", "it should be a number of seconds from 1 on")),
    }
}

/// `ZENML_CONFIG_PATH`, or else the folder `zenml` where the platform keeps a user's settings.
fn config_folder(lookup: &impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, ClientError> {
    let given = |name: &str| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = given("HOME").or_else(std::env::home_dir);
    let folder = if let Some(folder) = given("ZENML_CONFIG_PATH") {
        Some(folder)
    } else if cfg!(windows) {
        given("APPDATA").or(home).map(|folder| folder.join("zenml"))
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Application Support/zenml"))
    } else {
        given("XDG_CONFIG_HOME").or(home.map(|home| home.join(".config"))).map(|folder| folder.join("zenml"))
    };
    let folder = folder.ok_or_else(|| {
        invalid("ZENML_CONFIG_PATH", "it is not set, and there is no home folder to fall back to")
    })?;
    absolute(&folder)
}

fn absolute(folder: &Path) -> Result<PathBuf, ClientError> {
    std::path::absolute(folder).map_err(|error| ClientError::file(folder, &error))
}

fn invalid(name: &str, reason: &str) -> ClientError {
    ClientError::InvalidSetting { name: name.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, ClientError> {
        Environment::from_lookup(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_configuration_folder_is_the_given_one_or_the_platforms() {
        let env = read(&[("ZENML_CONFIG_PATH", "/a"), ("HOME", "/h")]).unwrap();
        assert_eq!(env.config_file(), Path::new("/a/config.yaml"));
        if cfg!(target_os = "linux") {
            let env = read(&[("ZENML_CONFIG_PATH", ""), ("HOME", "/h")]).unwrap();
            assert_eq!(env.config_folder, Path::new("/h/.config/zenml"));
            let env = read(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")]).unwrap();
            assert_eq!(env.config_folder, Path::new("/x/zenml"));
        }
    }

    #[test]
    fn empty_variables_count_as_not_set() {
        let env = read(&[("HOME", "/h"), ("ZENML_STORE_URL", ""), ("ZENML_STORE_API_KEY", "k")]).unwrap();
        assert_eq!(env.store.url, None);
        assert!(env.store.sign_in.api_key.is_some());
        assert_eq!(env.credential_variables, ["ZENML_STORE_API_KEY"]);
    }

    #[test]
    fn a_timeout_that_is_no_number_is_named() {
        let error = read(&[("HOME", "/h"), ("ZENML_STORE_HTTP_TIMEOUT", "soon")]).unwrap_err();
        assert!(error.to_string().starts_with("ZENML_STORE_HTTP_TIMEOUT: "));
    }

    #[test]
    fn secrets_are_not_in_the_debug_text() {
        let env = read(&[("HOME", "/h"), ("ZENML_STORE_PASSWORD", "hunter2")]).unwrap();
        assert!(!format!("{env:?}").contains("hunter2"));
    }
}
