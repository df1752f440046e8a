//! A MariaDB of a test's own, for what would disturb others on a shared one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};
use tokio::process::Child;

use super::{missing, wait_until};

const LIMIT: Duration = Duration::from_secs(60);

pub struct OwnMariaDb {
    folder: tempfile::TempDir,
    user: String,
    port: u16,
    url: String,
    server: Option<Child>,
}

impl OwnMariaDb {
    /// With a database, and an account that has that alone. None, said out loud, when there is no MariaDB here.
    pub async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--user={user}"))
            .arg(format!("--datadir={}", folder.path().join("data").display()))
            .env("TMPDIR", folder.path())
            .output();
        let Ok(made) = made else {
            missing("mariadbd", "install mariadb-server, as tests/run does");
            return None;
        };
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&[made.stdout, made.stderr].concat()));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("mysql://zendo:zendo@127.0.0.1:{port}/zendo");
        let mut database = Self { folder, user, port, url, server: None };
        database.run().await;
        database.execute("CREATE DATABASE zendo CHARACTER SET utf8mb4").await;
        database.execute("CREATE USER zendo@'127.0.0.1' IDENTIFIED BY 'zendo'").await;
        database.execute("GRANT ALL ON zendo.* TO zendo@'127.0.0.1'").await;
        Some(database)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts the server, and waits until it answers.
    pub async fn run(&mut self) {
        let path = |name: &str| self.path(name).display().to_string();
        let server = tokio::process::Command::new("mariadbd")
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"])
            .args(["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"])
            .arg(format!("--user={}", self.user))
            .arg(format!("--datadir={}", path("data")))
            .arg(format!("--socket={}", path("socket")))
            .arg(format!("--pid-file={}", path("pid")))
            .arg(format!("--port={}", self.port))
            // A server that starts deletes the temporary tables that it finds there, whosever they are.
            .env("TMPDIR", self.folder.path())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.path("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.server = Some(server);
        wait_until("MariaDB answers", LIMIT, async || self.connect().await.is_ok()).await;
    }

    /// Ends the server as a loss of power does.
    pub async fn kill(&mut self) {
        self.server.take().unwrap().kill().await.unwrap();
    }

    /// Runs a statement as root.
    pub async fn execute(&self, sql: &str) {
        self.connect().await.unwrap().execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    /// One of the figures that the server counts, for all connections together.
    pub async fn status(&self, name: &str) -> u64 {
        let sql = format!("SHOW GLOBAL STATUS LIKE '{name}'");
        let row = self.connect().await.unwrap().fetch_one(AssertSqlSafe(sql)).await.unwrap();
        row.get::<String, _>(1).parse().unwrap()
    }

    async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        MySqlConnectOptions::new().socket(self.path("socket")).username("root").connect().await
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        let folder: &Path = self.folder.path();
        folder.join(name)
    }
}
