//! `credentials.yaml`: what is remembered for each server, under its address.

use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use secrecy::{ExposeSecret, SecretString};
use serde_norway::{Mapping, Value};

use super::api::ServerInfo;
use super::credentials::{Credentials, Origin, grant_of};
use super::files::{put, set};
use super::settings::SignIn;
use super::token::{Token, parse_moment};
use super::{ClientError, ServerUrl, files};

/// The content of `credentials.yaml`. Other servers' entries and unknown keys are kept as they are.
pub struct CredentialsFile {
    path: PathBuf,
    content: Mapping,
}

impl CredentialsFile {
    /// Reads the file; a missing one is empty.
    ///
    /// # Errors
    ///
    /// [`ClientError::File`] or [`ClientError::DamagedFile`] when it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ClientError> {
        Ok(Self { path: path.to_owned(), content: files::read_mapping(path)?.unwrap_or_default() })
    }

    /// Writes the file.
    pub fn save(&self) -> Result<(), ClientError> {
        files::replace_mapping(&self.path, &self.content)
    }

    /// What is remembered for `server`.
    pub fn get(&self, server: &ServerUrl) -> Option<Credentials> {
        let entry = self.content.get(server.as_str())?.as_mapping()?;
        let secret = |key| text(entry, key).map(SecretString::from);
        let sign_in = SignIn {
            api_key: secret("api_key"),
            username: text(entry, "username").map(str::to_owned),
            password: secret("password"),
            api_token: None,
        };
        Some(Credentials {
            origin: Origin::CredentialsFile,
            token: entry.get("api_token").and_then(Value::as_mapping).and_then(token_of),
            grant: grant_of(&sign_in),
        })
    }

    /// Remembers a sign-in: `token` takes the place of everything that signed in there before.
    pub fn sign_in(&mut self, server: &ServerUrl, token: &Token, info: &ServerInfo) {
        let mut entry = self.entry(server);
        for key in ["api_key", "username", "password"] {
            entry.shift_remove(key);
        }
        put(&mut entry, "api_token", Value::Mapping(token_mapping(token)));
        set(&mut entry, "server_id", &info.id.to_string());
        set(&mut entry, "status", "available");
        set(&mut entry, "version", &info.version);
        if let Some(name) = &info.name {
            set(&mut entry, "server_name", name);
        }
        if let Some(kind) = &info.deployment_type {
            set(&mut entry, "deployment_type", kind);
        }
        put(&mut self.content, server.as_str(), Value::Mapping(entry));
    }

    /// Remembers another token for `server`, next to what it was had for.
    pub fn renew(&mut self, server: &ServerUrl, token: &Token) {
        let mut entry = self.entry(server);
        put(&mut entry, "api_token", Value::Mapping(token_mapping(token)));
        put(&mut self.content, server.as_str(), Value::Mapping(entry));
    }

    /// Forgets `server`; false when nothing was remembered.
    pub fn forget(&mut self, server: &ServerUrl) -> bool {
        self.content.shift_remove(server.as_str()).is_some()
    }

    /// A copy of the entry of `server`, or a new one.
    fn entry(&self, server: &ServerUrl) -> Mapping {
        let remembered = self.content.get(server.as_str()).and_then(Value::as_mapping);
        let mut entry = remembered.cloned().unwrap_or_default();
        set(&mut entry, "url", server.as_str());
        entry
    }
}

fn token_of(entry: &Mapping) -> Option<Token> {
    Some(Token {
        secret: SecretString::from(text(entry, "access_token")?),
        expires_in: entry.get("expires_in").and_then(Value::as_i64),
        expires_at: text(entry, "expires_at").and_then(parse_moment),
        leeway: entry.get("leeway").and_then(Value::as_i64),
    })
}

fn token_mapping(token: &Token) -> Mapping {
    let mut mapping = Mapping::new();
    set(&mut mapping, "access_token", token.secret.expose_secret());
    if let Some(seconds) = token.expires_in {
        put(&mut mapping, "expires_in", Value::from(seconds));
    }
    if let Some(end) = token.expires_at {
        set(&mut mapping, "expires_at", &end.to_rfc3339_opts(SecondsFormat::Micros, true));
    }
    if let Some(seconds) = token.leeway {
        put(&mut mapping, "leeway", Value::from(seconds));
    }
    mapping
}

fn text<'a>(mapping: &'a Mapping, key: &str) -> Option<&'a str> {
    mapping.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::credentials::Grant;
    use super::*;
    use chrono::DateTime;

    const TWO_SERVERS: &str = "http://a:\n  url: http://a\n  username: u\n  password: '1_000'\n  extra: kept\n  \
                               api_token: {access_token: old, device_id: d}\nhttp://b:\n  url: http://b\n  \
                               api_key: ZENKEY_x\n  organization_name: o\n";

    fn load(content: &str) -> (tempfile::TempDir, CredentialsFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.yaml");
        std::fs::write(&path, content).unwrap();
        let file = CredentialsFile::load(&path).unwrap();
        (folder, file)
    }

    fn server(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    fn info() -> ServerInfo {
        ServerInfo {
            id: uuid::Uuid::nil(),
            name: Some("default".to_owned()),
            version: "0.98.0".to_owned(),
            deployment_type: Some("other".to_owned()),
        }
    }

    #[test]
    fn a_sign_in_replaces_the_credentials_and_keeps_the_rest() {
        let (_folder, mut file) = load(TWO_SERVERS);
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let token = Token::issued(SecretString::from("new"), Some(7_200), now);
        file.sign_in(&server("http://a"), &token, &info());
        file.save().unwrap();
        let file = CredentialsFile::load(&file.path).unwrap();

        let read = file.get(&server("http://a/")).unwrap();
        assert!(read.grant.is_none());
        let read = read.token.unwrap();
        assert_eq!(read.secret.expose_secret(), "new");
        assert_eq!(
            (read.expires_in, read.expires_at, read.leeway),
            (Some(7_200), token.expires_at, Some(360))
        );
        let entry = file.content.get("http://a").unwrap().as_mapping().unwrap();
        assert_eq!(text(entry, "extra"), Some("kept"));
        assert_eq!(text(entry, "server_name"), Some("default"));
        let other = file.content.get("http://b").unwrap().as_mapping().unwrap();
        assert_eq!((text(other, "api_key"), text(other, "organization_name")), (Some("ZENKEY_x"), Some("o")));
    }

    #[test]
    fn a_renewed_token_keeps_what_it_was_had_for() {
        let (_folder, mut file) = load(TWO_SERVERS);
        file.renew(&server("http://a"), &Token::bare(SecretString::from("new")));
        file.save().unwrap();
        let read = CredentialsFile::load(&file.path).unwrap().get(&server("http://a")).unwrap();
        let Some(Grant::Password { username, password }) = read.grant else { panic!("the password is gone") };
        assert_eq!((username.as_str(), password.expose_secret()), ("u", "1_000"));
        assert!(read.token.is_some());
    }

    #[test]
    fn forgetting_leaves_the_others() {
        let (_folder, mut file) = load(TWO_SERVERS);
        assert!(file.forget(&server("http://a")));
        assert!(!file.forget(&server("http://a")));
        assert!(file.get(&server("http://a")).is_none());
        assert!(matches!(file.get(&server("http://b")).unwrap().grant, Some(Grant::ApiKey(_))));
    }
}
