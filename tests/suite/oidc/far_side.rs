//! Providers that run beside a test, and what the certified one is told to do.

use serde_json::{Value, json};

use crate::support::{self, Caller};

/// A provider; killed with the test.
pub(super) struct FarSide {
    pub url: String,
    _program: support::FarSide,
}

impl FarSide {
    /// The certified one, if its package is there.
    pub(super) async fn certified() -> Option<Self> {
        support::FarSide::openid_provider().await.map(Self::of)
    }

    /// The same on a port that a server knows already.
    pub(super) async fn certified_on(port: u16) -> Option<Self> {
        support::FarSide::openid_provider_on(port).await.map(Self::of)
    }

    /// The one that misbehaves as it is told.
    pub(super) async fn misbehaving() -> Option<Self> {
        support::FarSide::python("python/misbehaving_provider.py").await.map(Self::of)
    }

    /// One of another make.
    pub(super) async fn authlib() -> Option<Self> {
        support::FarSide::python("python/authlib_provider.py").await.map(Self::of)
    }

    fn of(program: support::FarSide) -> Self {
        Self { url: program.url().to_owned(), _program: program }
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
