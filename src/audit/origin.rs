//! Where a request comes from and who makes it: what each of its records begins with.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue};

use super::Actor;
use crate::app::{App, AppState};
use crate::auth::Principal;
use crate::http::client_address::ClientAddress;
use crate::middleware::request_id;

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

    /// Where a request comes from.
    pub fn of(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let principal = extensions.get::<Principal>().cloned();
        Self {
            actor: principal.map_or(Actor::Nobody, Actor::Principal),
            address: Some(ClientAddress::of(app, headers, extensions).0),
            user_agent: headers.get(USER_AGENT).cloned(),
            request_id: headers.get(request_id::HEADER).cloned(),
        }
    }

    /// The address for what counts by it.
    pub fn client(&self) -> ClientAddress {
        ClientAddress(self.address.unwrap_or(IpAddr::from([0, 0, 0, 0])))
    }
}

impl FromRequestParts<AppState> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self::of(app, &parts.headers, &parts.extensions))
    }
}
