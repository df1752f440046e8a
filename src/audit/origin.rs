//! Where a request comes from and who makes it: what each of its records begins with.

use std::net::IpAddr;

use axum::http::HeaderValue;

use super::Actor;
use crate::http::client_address::ClientAddress;

/// A handler's argument: it holds references, and nothing is copied before a record is written.
#[derive(Debug, Clone)]
pub struct Origin {
    pub actor: Actor,
    pub address: Option<IpAddr>,
    pub user_agent: Option<HeaderValue>,
    pub request_id: Option<HeaderValue>,
}

impl Origin {
    /// The terminal of whoever can open the store.
    pub fn operator() -> Self {
        Self { actor: Actor::Operator, address: None, user_agent: None, request_id: None }
    }

    /// The address for what counts by it.
    pub fn client(&self) -> ClientAddress {
        ClientAddress(self.address.unwrap_or(IpAddr::from([0, 0, 0, 0])))
    }
}
