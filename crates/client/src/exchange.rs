//! A token for an identity that this job has already (RFC 8693): where the identity is, and its exchange.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::ClientError;
use super::api::read;
use super::api_tokens::TokenRequest;
use super::buildkite;
use super::http::HttpClient;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Where GitHub gives tokens, and what opens it.
const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// What a job of GitLab names its token by (`id_tokens`).
pub const GITLAB_VARIABLE: &str = "ZENDO_ID_TOKEN";
/// Where a pod of Kubernetes mounts its token.
pub const KUBERNETES_FILE: &str = "/var/run/secrets/zendo/token";
/// Another place for it.
pub const FILE_VARIABLE: &str = "ZENDO_SUBJECT_TOKEN_FILE";
/// What a job of Buildkite has.
const BUILDKITE: &str = "BUILDKITE";
/// Bytes of a token that are read.
const LONGEST: u64 = 64 << 10;

/// Where the token of an identity is.
pub enum Identity {
    /// Somebody keeps a fresh one there.
    File(PathBuf),
    /// GitHub gives one for each request.
    GitHub { url: String, token: SecretString },
    /// The job was started with one.
    Variable(SecretString),
    /// Buildkite's agent, which is this program, gives one each time.
    Buildkite(PathBuf),
}

impl Identity {
    /// The identity that is given, or that the surroundings have.
    ///
    /// # Errors
    /// [`ClientError::NoIdentity`] when there is none.
    pub fn find(
        given: Option<&Path>,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ClientError> {
        let text =
            |name| lookup(name).and_then(|value| value.into_string().ok()).filter(|text| !text.is_empty());
        if let Some(path) = given {
            return Ok(Self::File(path.to_owned()));
        }
        if let Some(path) = text(FILE_VARIABLE) {
            return Ok(Self::File(path.into()));
        }
        if let (Some(url), Some(token)) = (text(GITHUB_URL), text(GITHUB_TOKEN)) {
            return Ok(Self::GitHub { url, token: token.into() });
        }
        if let Some(token) = text(GITLAB_VARIABLE) {
            return Ok(Self::Variable(token.into()));
        }
        // It is there for zendo alone, wherever the pod works.
        if Path::new(KUBERNETES_FILE).exists() {
            return Ok(Self::File(KUBERNETES_FILE.into()));
        }
        let is_buildkite = text(BUILDKITE).is_some_and(|value| value == "true");
        let agent = lookup("PATH").filter(|_| is_buildkite).and_then(|path| buildkite::agent(&path));
        agent.map(Self::Buildkite).ok_or(ClientError::NoIdentity)
    }

    /// The file that a fresh token is awaited in.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    fn token(&self, http: &HttpClient, audience: &str) -> Result<SecretString, ClientError> {
        match self {
            Self::File(path) => read_token(path),
            Self::Variable(token) => Ok(token.clone()),
            Self::Buildkite(agent) => buildkite::token(agent, audience),
            Self::GitHub { url, token } => {
                #[derive(Deserialize)]
                struct Given {
                    value: SecretString,
                }
                let unusable = |reason: String| ClientError::IdentityRefused { name: GITHUB_URL, reason };
                let mut url = url::Url::parse(url).map_err(|_| unusable("it is no address".to_owned()))?;
                url.query_pairs_mut().append_pair("audience", audience);
                let answer = http.get_elsewhere(url.as_str(), token).map_err(unusable)?;
                let given: Given = serde_json::from_value(answer)
                    .map_err(|_| unusable("there was no token in the answer".to_owned()))?;
                Ok(given.value)
            }
        }
    }
}

fn read_token(path: &Path) -> Result<SecretString, ClientError> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| ClientError::file(path, &error))?;
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| ClientError::file(path, &error))?;
    Ok(text.trim().to_owned().into())
}

/// Exchanges an identity, again and again.
pub struct Exchange {
    pub identity: Identity,
    /// Who the identity's token is to be for, if not whom the server names.
    pub audience: Option<String>,
    /// The service account or rule that is meant.
    pub account: Option<String>,
    /// What was exchanged last, since each is taken once.
    last: Mutex<Option<SecretString>>,
}

#[derive(Deserialize)]
struct Given {
    access_token: SecretString,
}

impl Exchange {
    pub fn new(identity: Identity, audience: Option<String>, account: Option<String>) -> Self {
        Self { identity, audience, account, last: Mutex::default() }
    }

    /// Gets an API token.
    ///
    /// # Errors
    /// [`ClientError::UsedIdentity`] when there is no other token than the one that was exchanged before; what the server
    /// refuses.
    pub fn issue(
        &self,
        http: &HttpClient,
        request: &TokenRequest,
        scope: Option<&str>,
    ) -> Result<SecretString, ClientError> {
        let audience = match &self.audience {
            Some(audience) => audience.clone(),
            None => own_audience(http)?,
        };
        let subject = self.identity.token(http, &audience)?;
        if self.is_last(&subject) {
            return Err(self.used());
        }
        let expires_in = request.expires_in.map(|seconds| seconds.to_string());
        let (projects, addresses) = (request.projects.join(","), request.addresses.join(","));
        let mut form = vec![
            ("grant_type", GRANT),
            ("subject_token", subject.expose_secret()),
            ("subject_token_type", JWT),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        form.extend(expires_in.as_deref().map(|seconds| ("expires_in", seconds)));
        form.extend(request.name.as_deref().map(|name| ("name", name)));
        form.extend((!projects.is_empty()).then_some(("project", projects.as_str())));
        form.extend((!addresses.is_empty()).then_some(("addresses", addresses.as_str())));
        form.extend(self.account.as_deref().map(|account| ("client_id", account)));
        let answer = http.post_form_at_root("/oauth/token", &form).map_err(|error| match error {
            ClientError::Server { status: 400, message } if message.contains("was used before") => {
                self.note(&subject);
                self.used()
            }
            ClientError::Server { status: status @ (404 | 405), .. } => {
                let message = "the server exchanges no tokens: it is no zendo, or an older one".to_owned();
                ClientError::Server { status, message }
            }
            other => other,
        })?;
        let given: Given = read(http, answer)?;
        self.note(&subject);
        Ok(given.access_token)
    }

    fn used(&self) -> ClientError {
        ClientError::UsedIdentity { path: self.identity.file().map(Path::to_owned) }
    }

    fn is_last(&self, subject: &SecretString) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_some_and(|last| last.expose_secret() == subject.expose_secret())
    }

    fn note(&self, subject: &SecretString) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(subject.clone());
    }
}

/// Who a token has to be for that this server takes.
fn own_audience(http: &HttpClient) -> Result<String, ClientError> {
    let metadata = http.get_at_root("/.well-known/oauth-authorization-server")?;
    let audience = metadata.get("zendo_token_exchange_audience").and_then(Value::as_str);
    audience.map(str::to_owned).ok_or_else(|| http.not_zenml("it doesn't say whom tokens have to be for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(given: Option<&str>, variables: &[(&str, &str)]) -> String {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        match Identity::find(given.map(Path::new), lookup) {
            Ok(Identity::File(path)) => path.display().to_string(),
            Ok(Identity::GitHub { url, .. }) => url,
            Ok(Identity::Variable(_)) => "variable".to_owned(),
            Ok(Identity::Buildkite(agent)) => agent.display().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_given_comes_before_what_the_surroundings_have() {
        let github = [(GITHUB_URL, "https://a"), (GITHUB_TOKEN, "t"), (GITLAB_VARIABLE, "g")];
        assert_eq!(found(Some("/f"), &github), "/f");
        assert_eq!(found(None, &github), "https://a");
        assert_eq!(found(None, &github[1..]), "variable");
        assert_eq!(found(None, &[(FILE_VARIABLE, "/g"), (GITLAB_VARIABLE, "g")]), "/g");
        assert!(found(None, &[(GITLAB_VARIABLE, "")]).contains("no identity"));
    }

    #[test]
    fn a_job_of_buildkite_has_an_agent_on_its_path() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let agent = folder.path().join("buildkite-agent");
        let path = format!(".:{}:{}", other.path().display(), folder.path().display());
        let job = [("BUILDKITE", "true"), ("PATH", path.as_str())];
        assert!(found(None, &job).contains("no identity"));
        std::fs::write(&agent, "").unwrap();
        assert_eq!(found(None, &job), agent.display().to_string());
        assert!(found(None, &[("BUILDKITE", "false"), job[1]]).contains("no identity"));
        assert!(found(None, &job[1..]).contains("no identity"));
        assert_eq!(found(None, &[(GITLAB_VARIABLE, "g"), job[0], job[1]]), "variable");
    }
}
