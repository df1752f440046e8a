//! Providers that run beside a test.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Child;

use crate::support::{Caller, apart, missing, said_in, wait_until};

const BROWSER: &str = "ZENDO_TEST_BROWSER";
const PYTHON: &str = "ZENDO_TEST_PYTHON";
/// Keys of RSA take a while, and machines are busy.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A provider; killed with the test.
pub(super) struct FarSide {
    pub url: String,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl FarSide {
    /// The certified one, if its package is there.
    pub(super) async fn certified() -> Option<Self> {
        let packages = std::env::var_os(BROWSER).filter(|folder| Path::new(folder).exists());
        let Some(packages) = packages else {
            missing("oidc-provider, a package of tests/browser", "run tests/run, which installs it");
            return None;
        };
        Some(Self::start("node".into(), "browser/oidc_provider.mjs", &[(BROWSER, packages)]).await)
    }

    /// The one that misbehaves as it is told.
    pub(super) async fn misbehaving() -> Option<Self> {
        Self::python("python/misbehaving_provider.py").await
    }

    /// One of another make.
    pub(super) async fn authlib() -> Option<Self> {
        Self::python("python/authlib_provider.py").await
    }

    async fn python(program: &str) -> Option<Self> {
        let python = std::env::var_os(PYTHON).map(|folder| PathBuf::from(folder).join("bin/python"));
        let Some(python) = python.filter(|python| python.exists()) else {
            missing("a package of tests/python", "run tests/run, which installs them");
            return None;
        };
        Some(Self::start(python.into(), program, &[]).await)
    }

    async fn start(interpreter: OsString, program: &str, variables: &[(&str, OsString)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = apart(interpreter, folder.path());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(program));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        wait_until("the provider says where it listens", TIME_LIMIT, async || {
            let said = said_in(folder.path());
            assert!(child.try_wait().unwrap().is_none(), "the provider ended: {said}");
            let line = said.lines().find(|line| line.starts_with("{\"url\"")).map(str::to_owned);
            let line: Option<Value> = line.and_then(|line| serde_json::from_str(&line).ok());
            url = line.map_or_else(String::new, |line| line["url"].as_str().unwrap().to_owned());
            !url.is_empty()
        })
        .await;
        Self { url, _child: child, _folder: folder }
    }

    /// What the certified one answers to a command of the test.
    pub(super) async fn tell(&self, command: &str, body: Value) -> Value {
        Caller::new(self.url.clone()).post(&format!("/test/{command}"), body).await.expect_ok()
    }

    /// What somebody's browser comes back with from an address of authorization.
    pub(super) async fn code(&self, address: &str, subject: &str, session: &str) -> Value {
        let asked = json!({"authorization_url": address, "subject": subject, "session": session});
        self.tell("code", asked).await
    }

    /// The certified one tells a server that somebody's session is over.
    pub(super) async fn log_out(&self, server: &str, subject: &str, session: Option<&str>) -> Value {
        let address = format!("{server}/api/v1/oidc/backchannel_logout");
        let mut told = json!({"client_id": "zendo", "address": address, "subject": subject});
        if let Some(session) = session {
            told["session"] = session.into();
        }
        self.tell("logout", told).await
    }
}
