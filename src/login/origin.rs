//! Where a request comes from and who makes it, for the audit.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue};

use crate::app::{App, AppState};
use crate::audit::{Actor, Claim, Origin};
use crate::auth::{Principal, VerifiedToken};
use crate::http::REQUEST_ID;
use crate::http::client_address::ClientAddress;
use crate::store::Id;

impl Origin {
    /// Where a request comes from.
    pub fn of(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let principal = extensions.get::<Principal>();
        let Sender { address, user_agent, request_id } = Sender::of(app, headers, extensions);
        Self {
            actor: principal.map_or(Actor::Nobody, |principal| Actor::Claimed(Box::new(principal.claim()))),
            address: Some(address),
            user_agent,
            request_id,
        }
    }
}

/// Where a request comes from, whoever makes it.
pub(crate) struct Sender {
    pub address: IpAddr,
    pub user_agent: Option<HeaderValue>,
    pub request_id: Option<HeaderValue>,
}

impl Sender {
    fn of(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Self {
        Self {
            address: ClientAddress::of(&app.edge.proxies, headers, extensions).0,
            user_agent: headers.get(USER_AGENT).cloned(),
            request_id: headers.get(REQUEST_ID).cloned(),
        }
    }
}

impl FromRequestParts<AppState> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self::of(app, &parts.headers, &parts.extensions))
    }
}

impl FromRequestParts<AppState> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self::of(app, &parts.headers, &parts.extensions))
    }
}

/// Whoever holds a token, for the audit.
pub(crate) async fn claim_of_token(app: &App, token: &VerifiedToken) -> Claim {
    let account = app.auth.identities.account(token.claims.sub).await.ok().flatten();
    let name = account.map(|account| account.name.clone()).unwrap_or_default();
    token.claim((Id(token.claims.sub), name))
}

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&app.edge.proxies, &parts.headers, &parts.extensions))
    }
}
