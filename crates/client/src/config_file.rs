//! `config.yaml`: the server the official client talks to, and the project and stack that are active there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde_norway::{Mapping, Value};
use uuid::Uuid;

use super::files::{put, set};
use super::settings::{SignIn, StoreSettings, TlsCheck};
use super::{ClientError, ServerUrl, files};

/// The client release whose file layout is written.
const LAYOUT_VERSION: &str = "0.98.0";

/// The content of `config.yaml`. Keys that mean nothing here are kept as they are.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    content: Mapping,
    is_new: bool,
}

impl ConfigFile {
    /// Reads the file; a missing one is empty.
    ///
    /// # Errors
    ///
    /// [`ClientError::File`] or [`ClientError::DamagedFile`] when it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ClientError> {
        let content = files::read_mapping(path)?;
        Ok(Self { path: path.to_owned(), is_new: content.is_none(), content: content.unwrap_or_default() })
    }

    /// Writes the file.
    pub fn save(&self) -> Result<(), ClientError> {
        files::replace_mapping(&self.path, &self.content)
    }

    /// The settings of the store it names.
    pub fn store(&self) -> StoreSettings {
        let Some(store) = self.content.get("store").and_then(Value::as_mapping) else {
            return StoreSettings::default();
        };
        let text = |key: &str| store.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let secret = |key| text(key).map(SecretString::from);
        StoreSettings {
            url: text("url").map(str::to_owned),
            sign_in: SignIn {
                api_key: secret("api_key"),
                username: text("username").map(str::to_owned),
                password: secret("password"),
                api_token: secret("api_token"),
            },
            tls: match store.get("verify_ssl") {
                Some(Value::Bool(true)) => Some(TlsCheck::Public),
                Some(Value::Bool(false)) => Some(TlsCheck::Off),
                Some(Value::String(text)) => Some(TlsCheck::from_text(text)),
                _ => None,
            },
            timeout: store
                .get("http_timeout")
                .and_then(Value::as_u64)
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
        }
    }

    /// Whether the file makes `server` the active one.
    pub fn is_active(&self, server: &ServerUrl) -> bool {
        self.store().url.and_then(|url| ServerUrl::parse(&url).ok()).as_ref() == Some(server)
    }

    /// The id of the active project.
    pub fn active_project_id(&self) -> Option<&str> {
        self.content.get("active_project_id").and_then(Value::as_str)
    }

    /// The id of the active stack.
    pub fn active_stack_id(&self) -> Option<&str> {
        self.content.get("active_stack_id").and_then(Value::as_str)
    }

    /// Makes `server` the active one, with the given project and stack.
    ///
    /// Other settings of the store are kept when it is the same server, but for credentials; those of another
    /// server go. `tls` is only written when given.
    pub fn activate(
        &mut self,
        server: &ServerUrl,
        tls: Option<&TlsCheck>,
        project_id: Option<&str>,
        stack_id: Option<&str>,
    ) {
        let mut store = match self.content.get("store") {
            Some(Value::Mapping(store)) if self.is_active(server) => store.clone(),
            _ => Mapping::new(),
        };
        // They would win over what was just signed in with.
        for key in ["api_key", "username", "password", "api_token"] {
            store.shift_remove(key);
        }
        set(&mut store, "type", "rest");
        set(&mut store, "url", server.as_str());
        match tls {
            Some(TlsCheck::Public) => put(&mut store, "verify_ssl", Value::Bool(true)),
            Some(TlsCheck::Off) => put(&mut store, "verify_ssl", Value::Bool(false)),
            Some(TlsCheck::Ca(bundle)) => set(&mut store, "verify_ssl", bundle),
            None => {}
        }
        put(&mut self.content, "store", Value::Mapping(store));
        self.set_or_remove("active_project_id", project_id);
        self.set_or_remove("active_stack_id", stack_id);
        self.complete();
    }

    /// Leaves the file without a server, which makes the official client fall back to its local store.
    pub fn deactivate(&mut self) {
        for key in ["store", "active_project_id", "active_stack_id"] {
            self.content.shift_remove(key);
        }
    }

    fn set_or_remove(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => set(&mut self.content, key, value),
            None => {
                self.content.shift_remove(key);
            }
        }
    }

    /// Adds what the official client expects of every file.
    fn complete(&mut self) {
        if !self.content.contains_key("user_id") {
            #[expect(
                clippy::disallowed_methods,
                reason = "the official client's random id of this folder, which guards nothing"
            )]
            let id = Uuid::new_v4();
            set(&mut self.content, "user_id", &id.to_string());
        }
        if !self.content.contains_key("version") {
            set(&mut self.content, "version", LAYOUT_VERSION);
        }
        // Whoever starts the official client first is told about its analytics; here nobody was asked.
        if self.is_new && !self.content.contains_key("analytics_opt_in") {
            put(&mut self.content, "analytics_opt_in", Value::Bool(false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (tempfile::TempDir, ConfigFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        if !text.is_empty() {
            std::fs::write(&path, text).unwrap();
        }
        let file = ConfigFile::load(&path).unwrap();
        (folder, file)
    }

    fn server(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    #[test]
    fn a_new_file_has_all_the_official_client_expects() {
        let (_folder, mut file) = load("");
        file.activate(&server("http://h"), None, Some("p"), Some("s"));
        file.save().unwrap();
        let file = ConfigFile::load(&file.path).unwrap();
        assert!(file.is_active(&server("http://h/")));
        assert_eq!((file.active_project_id(), file.active_stack_id()), (Some("p"), Some("s")));
        assert_eq!(file.content.get("analytics_opt_in"), Some(&Value::Bool(false)));
        assert_eq!(file.content.get("version").and_then(Value::as_str), Some("0.98.0"));
        let user_id = file.content.get("user_id").and_then(Value::as_str).unwrap();
        assert!(Uuid::parse_str(user_id).is_ok());
    }

    #[test]
    fn what_is_not_ours_is_kept() {
        let (_folder, mut file) = load(
            "user_id: u\nanalytics_opt_in: true\nextra: [1]\nstore: {type: rest, url: http://h, http_timeout: 5}",
        );
        file.activate(&server("http://h"), Some(&TlsCheck::Ca("/ca".to_owned())), None, None);
        assert_eq!(file.content.get("user_id").and_then(Value::as_str), Some("u"));
        assert_eq!(file.content.get("analytics_opt_in"), Some(&Value::Bool(true)));
        assert!(file.content.contains_key("extra"));
        assert_eq!(file.store().timeout, Some(Duration::from_secs(5)));
        assert_eq!(file.store().tls, Some(TlsCheck::Ca("/ca".to_owned())));
    }

    #[test]
    fn credentials_in_the_file_do_not_outlive_a_sign_in() {
        let (_folder, mut file) =
            load("store: {type: rest, url: http://a, api_key: k, username: u, password: p}");
        file.activate(&server("http://a"), None, None, None);
        let sign_in = file.store().sign_in;
        assert!(sign_in.api_key.is_none() && sign_in.username.is_none() && sign_in.password.is_none());
    }

    #[test]
    fn another_servers_settings_do_not_carry_over() {
        let (_folder, mut file) = load("store: {type: rest, url: http://a, verify_ssl: false, api_key: k}");
        file.activate(&server("http://b"), None, None, None);
        let store = file.store();
        assert_eq!(store.tls, None);
        assert!(store.sign_in.api_key.is_none());
    }

    #[test]
    fn after_logout_no_server_project_or_stack_is_left() {
        let (_folder, mut file) =
            load("user_id: u\nactive_project_id: p\nactive_stack_id: s\nstore: {type: rest, url: http://a}");
        file.deactivate();
        assert_eq!(file.content.len(), 1);
        assert_eq!(file.store().url, None);
    }
}
