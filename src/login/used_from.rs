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
        match self.address(app) {
            Some(address) if !allowed.have(address) => Err(AuthenticationError::Elsewhere(address)),
            _ => Ok(()),
        }
    }

    /// The address, if it is told.
    pub(crate) fn address(self, app: &App) -> Option<IpAddr> {
        match self {
            Self::Request(headers, extensions) => {
                Some(ClientAddress::of(&app.edge.proxies, headers, extensions).0)
            }
            Self::Address(address) => Some(address),
            Self::Untold => None,
        }
    }
}
