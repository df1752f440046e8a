//! A server in this process, on a free port.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zendo::testing::AppState;
use zendo::testing::Config;
use zendo::testing::Environment;
use zendo::testing::SystemRandomness;

use super::{Caller, Database, TestClock};

pub const ADMIN: &str = "default";
pub const PASSWORD: &str = "correct horse battery staple";
/// bcrypt's least: tests sign in often, and what a check costs is no promise of theirs.
const PASSWORD_COST: u32 = 4;

pub struct TestApp {
    url: String,
    /// What the handlers share, for what no route shows.
    pub state: AppState,
    pub clock: Arc<TestClock>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
    /// Kept for as long as the server needs it.
    _database: Database,
}

impl TestApp {
    pub async fn start(database: &Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// With more variables than the database's and the admin's password.
    pub async fn start_with(database: &Database, variables: &[(&str, &str)]) -> Self {
        let mut all = database.variables();
        all.push(("ZENML_DEFAULT_USER_PASSWORD".to_owned(), PASSWORD.to_owned()));
        all.retain(|(known, _)| !variables.iter().any(|(name, _)| name == known));
        all.extend(variables.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        super::logs::log_this_process();
        super::caller::choose_cryptography();
        super::logs::note_secret(PASSWORD);
        let (config, _) = Config::from_env(all).unwrap();
        let root = config.server.root_url_path.0.clone();
        let clock = Arc::new(TestClock::default());
        let environment = Environment {
            clock: Arc::clone(&clock) as _,
            random: Arc::new(SystemRandomness),
            password_cost: PASSWORD_COST,
        };
        let (app, _) = zendo::testing::start(config, environment).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{root}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(zendo::testing::serve(app.clone(), listener, async {
            let _ = stopped.await;
        }));
        Self { url, state: app, clock, stop: Some(stop), server: Some(server), _database: database.clone() }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Someone without a credential.
    pub fn anonymous(&self) -> Caller {
        Caller::new(self.url())
    }

    /// The admin, signed in with the password.
    pub async fn signed_in(&self) -> Caller {
        self.signed_in_as(ADMIN).await
    }

    /// Somebody whose password is [`PASSWORD`], signed in.
    pub async fn signed_in_as(&self, name: &str) -> Caller {
        let token = self.anonymous().login(name, PASSWORD).await.expect_ok()["access_token"].clone();
        self.anonymous().with_token(token.as_str().unwrap())
    }

    /// A new user, made by the admin, and signed in.
    pub async fn new_user(&self, name: &str, is_admin: bool) -> Caller {
        let user = json!({"name": name, "is_admin": is_admin, "password": PASSWORD});
        self.signed_in().await.post("/api/v1/users", user).await.expect_ok();
        self.signed_in_as(name).await
    }

    /// A script that holds a generic token with that many seconds to live.
    pub async fn script(&self, expires_in: u32) -> Caller {
        let token = self.signed_in().await.api_token(expires_in).await;
        self.anonymous().with_token(&token)
    }

    /// Stops as on SIGTERM, and returns when everything is finished.
    pub async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.server.take().unwrap().await.unwrap().unwrap();
    }
}
