//! A MariaDB of one test's own, with certificates that it has made for itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Child;

use super::{apart, missing, said_in, wait_until};

const SCRIPT: &str = include_str!("mariadb_tls.sh");
/// It makes keys and a whole installation, and machines are busy.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Where files are in memory.
const MEMORY: &str = "/dev/shm";

/// Killed with the test.
pub struct TlsMariaDb {
    _child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl TlsMariaDb {
    /// One that offers TLS or doesn't, with the account `pasted` of that password; None, said out loud, when a program is
    /// missing.
    pub async fn start(has_tls: bool, password: &str) -> Option<Self> {
        for program in ["mariadbd", "mariadb-install-db", "openssl"] {
            let mut asked = std::process::Command::new(program);
            let asked = asked.arg("--version").stdout(std::process::Stdio::null());
            if asked.stderr(std::process::Stdio::null()).status().is_err() {
                missing(program, "run tests/run, which installs it");
                return None;
            }
        }
        let folder = match Path::new(MEMORY).is_dir() {
            true => tempfile::tempdir_in(MEMORY).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = apart("sh", folder.path())
            .args(["-c", SCRIPT, "sh", if has_tls { "tls" } else { "plain" }, &port.to_string(), password])
            .spawn()
            .unwrap();
        wait_until("MariaDB takes connections", START_LIMIT, async || {
            let said = said_in(folder.path());
            assert!(child.try_wait().unwrap().is_none(), "MariaDB ended: {said}");
            said.contains("ready for connections")
        })
        .await;
        Some(Self { _child: child, folder, port })
    }

    /// The URL of a database there, for an account as it is written.
    pub fn url(&self, account: &str, host: &str, query: &str) -> String {
        format!("mysql://{account}@{host}:{}/zenml{query}", self.port)
    }

    /// A file of its folder: `ca.pem`, `other.pem` (of an authority that has signed nothing), `client.pem`, `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
