//! The REST API, asked in this process as a page's visitor would ask it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use crate::address::Address;
use crate::login::principal::CSRF_HEADER;
use crate::login::session;

/// Bytes of an answer that a page reads at most: it asks for pages of lists, never for files.
const LONGEST_ANSWER: usize = 16 << 20;

/// What of the page's request goes along: who asks, from where, and by which name.
const HANDED_ON: [HeaderName; 6] = [
    COOKIE,
    AUTHORIZATION,
    USER_AGENT,
    HOST,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static(crate::http::REQUEST_ID),
];

/// Headers of a refusal that its page has too: how to sign in, and when to come again.
const OF_THE_PAGE: [HeaderName; 2] = [WWW_AUTHENTICATE, RETRY_AFTER];

/// Asks in the name of a page's visitor.
#[derive(Clone)]
pub(super) struct Api {
    router: Router,
    headers: HeaderMap,
    peer: Option<ConnectInfo<SocketAddr>>,
}

/// An answer that is not a success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub status: StatusCode,
    pub message: String,
    /// Those of its headers that are the page's too.
    pub headers: HeaderMap,
}

impl Api {
    /// For whoever sent the request of a page.
    pub(super) fn of(router: &Router, parts: &Parts) -> Self {
        let mut headers = HeaderMap::new();
        for name in HANDED_ON {
            for value in parts.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        headers.insert(session::HEADER, HeaderValue::from_static(session::CONSOLE));
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().copied();
        Self { router: router.clone(), headers, peer }
    }

    /// The headers with which it asks.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Proves from now on that the session's CSRF token is known.
    pub(super) fn know_csrf_token(&mut self, token: &str) {
        if let Ok(token) = HeaderValue::from_str(token) {
            self.headers.insert(CSRF_HEADER, token);
        }
    }

    /// Gets what is at that address.
    ///
    /// # Errors
    /// [`Refusal`] with what the API says; 500 for an answer that can't be read.
    pub(super) async fn get<T: DeserializeOwned>(&self, address: &Address) -> Result<T, Refusal> {
        let (status, headers, body) = self.ask(address).await?;
        if !status.is_success() {
            return Err(Refusal { status, message: message_in(&body), headers });
        }
        serde_json::from_slice(&body).map_err(|error| {
            tracing::error!(%error, %address, "a page can't read the API's answer");
            Refusal::internal()
        })
    }

    /// The status, the headers that are the page's too, and the body.
    async fn ask(&self, address: &Address) -> Result<(StatusCode, HeaderMap, Bytes), Refusal> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = address.as_str().parse().map_err(|_| Refusal::internal())?;
        *request.headers_mut() = self.headers.clone();
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let kept =
            OF_THE_PAGE.into_iter().filter_map(|name| Some((name.clone(), parts.headers.get(name)?.clone())));
        let headers = kept.collect();
        let body = to_bytes(body, LONGEST_ANSWER).await.map_err(|_| Refusal::internal())?;
        Ok((parts.status, headers, body))
    }
}

impl Refusal {
    fn internal() -> Self {
        let message = "An unexpected error occurred.".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message, headers: HeaderMap::new() }
    }
}

/// The reason in an answer of any of the API's shapes.
fn message_in(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = body.get("detail").or_else(|| body.get("error")).unwrap_or(&body);
    let reason = said.get(1).unwrap_or(said).as_str().unwrap_or("The server can't answer this.");
    reason.trim_matches('"').to_owned()
}
