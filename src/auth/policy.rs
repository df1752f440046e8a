//! What a route says of itself beside its path: who may call it, and what becomes of its answer.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::http::{Extensions, Method};

use super::access::{Access, Also};

/// A route's own rules.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// What it asks of a token.
    pub access: Access,
    /// Nobody needs a principal to call it.
    pub is_open: bool,
    /// A request that is sent again with its `Idempotency-Key` gets its first answer.
    pub is_replayed: bool,
    /// Of those whom nobody knows, too, it takes bodies that aren't small.
    pub takes_long_bodies: bool,
    /// Its answer may tell a secret, and is written nowhere.
    pub is_secret: bool,
    /// What it may do beyond that, which takes scopes of their own.
    pub also: Vec<Also>,
}

/// What a route asks. One that doesn't say so is for whoever may do all.
pub(crate) fn access_of(policy: Option<&Policy>) -> Access {
    policy.map_or(Access::FullScope, |policy| policy.access)
}

/// The policies of some routes, each by its method and path.
#[derive(Debug, Default)]
pub(crate) struct Policies(HashMap<(&'static str, &'static str), Arc<Policy>>);

impl FromIterator<((&'static str, &'static str), Policy)> for Policies {
    fn from_iter<T: IntoIterator<Item = ((&'static str, &'static str), Policy)>>(routes: T) -> Self {
        Self(routes.into_iter().map(|(route, policy)| (route, Arc::new(policy))).collect())
    }
}

impl Policies {
    /// Of the route that a request has come to.
    pub(crate) fn of(&self, method: &Method, extensions: &Extensions) -> Option<Arc<Policy>> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let path = extensions.get::<MatchedPath>()?;
        self.0.get(&(method.as_str(), path.as_str())).map(Arc::clone)
    }
}
