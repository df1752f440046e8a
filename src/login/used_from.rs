//! Where a credential is used from, for those that are good at some addresses only.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap};

use crate::app::App;
use crate::auth::{Addresses, AuthenticationError};
use crate::http::client_address::ClientAddress;

/// Where it is used. Most credentials are good everywhere, so that it isn't looked for before it matters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UsedFrom<'a> {
    /// Where the request comes from.
    Request(&'a HeaderMap, &'a Extensions),
    Address(IpAddr),
    /// Whoever asks about it doesn't say: they are told for which addresses it is.
    Untold,
}

impl UsedFrom<'_> {
    /// # Errors
    /// [`AuthenticationError::Elsewhere`] at another address.
    pub(crate) fn check(self, app: &App, allowed: &Addresses) -> Result<(), AuthenticationError> {
        let address = match self {
            Self::Request(headers, extensions) => ClientAddress::of(&app.edge.proxies, headers, extensions).0,
            Self::Address(address) => address,
            Self::Untold => return Ok(()),
        };
        match allowed.have(address) {
            true => Ok(()),
            false => Err(AuthenticationError::Elsewhere(address)),
        }
    }
}
