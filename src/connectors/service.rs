//! What this server does for connectors of the types that it lists.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::Configuration;
use super::calls::Refusal;
use crate::outbound::Outbound;

/// What a service comes back with.
pub(super) type Reply<'a, T> = BoxFuture<'a, Result<T, Refusal>>;

/// Verifies and serves the connectors of a type, each of which reaches one resource.
pub(crate) trait Service: Debug + Send + Sync {
    /// Whether the resource takes the connector's credentials.
    fn verify<'a>(&'a self, ask: Ask<'a>) -> Reply<'a, ()>;

    /// Credentials for the resource, which it takes now.
    fn credentials<'a>(&'a self, ask: Ask<'a>) -> Reply<'a, Credentials>;
}

/// A connector that was checked, and what it is asked with.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub outbound: &'a Outbound,
    pub now: DateTime<Utc>,
    /// The word of its method.
    pub method: &'a str,
    pub configuration: &'a Configuration,
}

/// What a program signs in with.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The word of the method that they are of.
    pub method: String,
    pub configuration: Configuration,
    /// When they end, where they were made for whoever asked.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Credentials {
    /// The connector's own.
    pub(super) fn configured(ask: &Ask<'_>) -> Self {
        let (method, configuration) = (ask.method.to_owned(), ask.configuration.clone());
        Self { method, configuration, expires_at: None }
    }
}
