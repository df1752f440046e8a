//! Where a request comes from: the socket, or what a trusted proxy says of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use crate::app::{App, AppState};
use crate::config::Networks;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The caller's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address that a request came from.
    pub fn of(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        // Without a socket there is no address; such callers share one.
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(peer)| peer.ip());
        Self(client_address(peer, headers, &app.trusted_proxies))
    }
}

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self::of(app, &parts.headers, &parts.extensions))
    }
}

/// Tells the operator once that a proxy is not believed, which has all its callers share one address and its limits.
#[derive(Debug, Default)]
pub struct UntrustedProxies {
    is_told: AtomicBool,
}

impl UntrustedProxies {
    /// Looks at a request.
    pub fn notice(&self, headers: &HeaderMap, extensions: &Extensions, trusted: &Networks) {
        if !headers.contains_key(FORWARDED_FOR) || self.is_told.load(Ordering::Relaxed) {
            return;
        }
        let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else { return };
        let peer = peer.ip().to_canonical();
        if !trusted.have(peer) && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request from {peer} says in X-Forwarded-For for whom it is, which is not believed, since {peer} is \
                 not in ZENDO_TRUSTED_PROXIES: if it is a proxy of yours, put it there; until then all of its callers \
                 count as one address"
            );
        }
    }
}

/// Goes back along `X-Forwarded-For` as long as each hop is a trusted proxy: what stands further left may be the
/// caller's invention.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let mut address = peer.to_canonical();
    let hops = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        if !trusted.have(address) {
            break;
        }
        let Ok(before) = hop.parse::<IpAddr>() else { break };
        address = before.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;

    fn address(peer: &str, forwarded_for: &[&str], trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded_for {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = Networks::read(trusted).unwrap();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(address("9.9.9.9", &["1.1.1.1"], ""), "9.9.9.9");
        assert_eq!(address("10.0.0.1", &[], "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["1.1.1.1"], "10.0.0.0/8"), "1.1.1.1");
        assert_eq!(address("10.0.0.1", &["1.1.1.1, 2.2.2.2"], "10.0.0.1"), "2.2.2.2");
        assert_eq!(address("10.0.0.1", &["1.1.1.1, 2.2.2.2, 10.0.0.7"], "10.0.0.0/8"), "2.2.2.2");
        assert_eq!(address("10.0.0.1", &["1.1.1.1", "2.2.2.2"], "10.0.0.0/8"), "2.2.2.2");
        assert_eq!(address("10.0.0.1", &["1.1.1.1, nonsense"], "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(address("::ffff:10.0.0.1", &["1.1.1.1"], "10.0.0.1"), "1.1.1.1");
        assert_eq!(address("::1", &["2001:db8::1"], "::1"), "2001:db8::1");
    }
}
