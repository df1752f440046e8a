//! Where a request comes from: the socket, or what a trusted proxy says of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

use crate::config::Networks;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The caller's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address that a request came from.
    pub fn of(proxies: &Proxies, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        // Without a socket there is no address; such callers share one.
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(peer)| peer.ip());
        Self(client_address(peer, headers, &proxies.trusted))
    }
}

/// The proxies in front of this server.
#[derive(Debug)]
pub struct Proxies {
    /// Those whose word on where a request comes from is believed.
    trusted: Networks,
    has_told: AtomicBool,
}

impl Proxies {
    pub fn new(trusted: Networks) -> Self {
        Self { trusted, has_told: AtomicBool::new(false) }
    }

    /// Tells the operator once that a proxy is not believed, which has all its callers share one address and its limits.
    pub fn notice(&self, headers: &HeaderMap, extensions: &Extensions) {
        if !headers.contains_key(FORWARDED_FOR) || self.has_told.load(Ordering::Relaxed) {
            return;
        }
        let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else { return };
        let peer = peer.ip().to_canonical();
        if !self.trusted.have(peer) && !self.has_told.swap(true, Ordering::Relaxed) {
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
