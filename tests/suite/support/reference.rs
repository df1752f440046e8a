//! The reference's own server: `zenml[server]` 0.98.0, on the database of a test.

use std::time::Duration;

use tokio::process::Child;

use super::{ADMIN, Caller, Database, PASSWORD, apart, reference_python, said_in, wait_until};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parity/reference.py");
/// It imports a lot, and makes its schema in minutes on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The Python server; killed with the test.
pub struct ReferenceServer {
    child: Child,
    url: String,
    _configuration: tempfile::TempDir,
}

impl ReferenceServer {
    /// None, said out loud, when it isn't installed.
    pub async fn start(database: &Database, variables: &[(&str, &str)]) -> Option<Self> {
        let python = reference_python()?;
        let configuration = tempfile::tempdir().unwrap();
        let port = free_port();
        let folder = configuration.path().to_owned();
        let child = apart(python, &folder)
            .args([SERVER, &port.to_string()])
            .env("ZENML_CONFIG_PATH", &folder)
            .envs([
                ("ZENML_SERVER", "1"),
                ("ZENML_ANALYTICS_OPT_IN", "false"),
                ("ZENML_STORE_TYPE", "sql"),
                ("ZENML_STORE_BACKUP_STRATEGY", "disabled"),
                ("ZENML_DEFAULT_USER_NAME", ADMIN),
                ("ZENML_DEFAULT_USER_PASSWORD", PASSWORD),
                ("ZENML_SERVER_AUTO_ACTIVATE", "true"),
            ])
            .env("ZENML_STORE_URL", database.url())
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self { child, url, _configuration: configuration };
        wait_until("the reference's server answers", START_LIMIT, async || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "the reference's server ended: {ended:?} {}", said_in(&folder));
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        server.anonymous().get("/health").await.expect(200, "");
        Some(server)
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn anonymous(&self) -> Caller {
        Caller::new(self.url.clone())
    }

    /// The admin, signed in with the password.
    pub async fn signed_in(&self) -> Caller {
        let token = self.anonymous().login(ADMIN, PASSWORD).await.expect_ok()["access_token"].clone();
        self.anonymous().with_token(token.as_str().unwrap())
    }

    pub async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
