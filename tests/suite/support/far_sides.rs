//! Programs that connectors and sign-ins lead to: an OpenID provider, a cluster, a registry. Each is a process of its
//! test's own on a free port.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command as Blocking;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use super::browser::PACKAGES;
use super::python::interpreter;
use super::{Caller, apart, missing, said_in, wait_until};

/// Keys of RSA take a while, and machines are busy.
const LIMIT: Duration = Duration::from_secs(120);
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// A port that nobody has, for who comes later: the system gives ports of its own choice from above these.
pub fn unused_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let ports = (0..10_000).map(|_| {
        let place = std::process::id().wrapping_mul(31).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        20_000 + (place % 10_000) as u16
    });
    let mut unused = ports.filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    unused.next().expect("a port that nobody has")
}

/// One of them, ended with its test.
pub struct FarSide {
    folder: tempfile::TempDir,
    _program: Child,
    /// What it said when it listened.
    pub said: Value,
}

impl FarSide {
    /// The certified OpenID provider of `tests/browser/oidc_provider.mjs`. None, said out loud, when it isn't here.
    pub async fn openid_provider() -> Option<Self> {
        Self::node("browser/oidc_provider.mjs").await
    }

    /// The same on a port that a server knows already.
    pub async fn openid_provider_on(port: u16) -> Option<Self> {
        Self::node_with("browser/oidc_provider.mjs", &[("PORT", OsStr::new(&port.to_string()))]).await
    }

    /// A program of `tests/browser` that uses the certified provider. None, said out loud, when it isn't here.
    pub async fn node(program: &str) -> Option<Self> {
        Self::node_with(program, &[]).await
    }

    async fn node_with(program: &str, variables: &[(&str, &OsStr)]) -> Option<Self> {
        let packages = std::env::var_os(PACKAGES).map(PathBuf::from);
        let packages = packages.filter(|folder| folder.join("node_modules/oidc-provider").exists());
        let Some(packages) = packages else {
            missing("oidc-provider", "run tests/run, which installs it");
            return None;
        };
        let variables = [&[(PACKAGES, packages.as_os_str())], variables].concat();
        Some(Self::program("node", program, &variables).await)
    }

    /// A program of `tests/python` that uses its packages. None, said out loud, when they aren't here.
    pub async fn python(program: &str) -> Option<Self> {
        // They share modules, of which nothing is to be left beside them.
        let variable = ("PYTHONDONTWRITEBYTECODE", OsStr::new("1"));
        Some(Self::program(interpreter()?, program, &[variable]).await)
    }

    async fn program(interpreter: impl AsRef<OsStr>, program: &str, variables: &[(&str, &OsStr)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = apart(interpreter, folder.path());
        command.arg(format!("{TESTS}/{program}")).envs(variables.iter().copied());
        Self::run(command, folder).await
    }

    /// The cluster of `tests/python/cluster.py`, whose certificate is signed by `ca.pem` of its folder, as is that of
    /// its client. None, said out loud, when there is no Python or openssl.
    pub async fn cluster(arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let made = Blocking::new("sh")
            .arg(format!("{TESTS}/suite/support/cluster_certificates.sh"))
            .current_dir(folder.path())
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            missing("openssl", "install openssl, as tests/run does");
            return None;
        }
        let mut python = apart("python3", folder.path());
        python.arg(format!("{TESTS}/python/cluster.py")).args(arguments);
        Some(Self::run(python, folder).await)
    }

    /// Debian's registry, with one account. None, said out loud, when it isn't here.
    pub async fn registry(name: &str, password: &str) -> Option<Self> {
        if Blocking::new("docker-registry").arg("--version").output().is_err() {
            missing("docker-registry", "install docker-registry, as tests/run does");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let hash = bcrypt::hash(password, 4).unwrap();
        std::fs::write(folder.path().join("accounts"), format!("{name}:{hash}\n")).unwrap();
        let settings = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n\
             storage: {{inmemory: {{}}}}\nauth: {{htpasswd: {{realm: test, path: accounts}}}}\n"
        );
        std::fs::write(folder.path().join("settings.yml"), settings).unwrap();
        let mut registry = apart("docker-registry", folder.path());
        registry.args(["serve", "settings.yml"]);
        let program = registry.spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let is_up = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait_until("the registry listens", LIMIT, async || is_up()).await;
        Some(Self { folder, _program: program, said: serde_json::json!({"url": url}) })
    }

    async fn run(mut command: Command, folder: tempfile::TempDir) -> Self {
        let mut program = command.spawn().unwrap();
        let mut said = Value::Null;
        wait_until("the far side listens", LIMIT, async || {
            let text = said_in(folder.path());
            assert!(program.try_wait().unwrap().is_none(), "it ended: {text}");
            said = text.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap_or_default();
            said.is_object()
        })
        .await;
        Self { folder, _program: program, said }
    }

    pub fn url(&self) -> &str {
        self.said["url"].as_str().unwrap()
    }

    pub fn caller(&self) -> Caller {
        Caller::new(self.url().to_owned())
    }

    /// A file of its folder in base64.
    pub fn base64(&self, name: &str) -> String {
        use base64::Engine;
        let read = |path: &Path| std::fs::read(path).unwrap();
        base64::engine::general_purpose::STANDARD.encode(read(&self.folder.path().join(name)))
    }
}
