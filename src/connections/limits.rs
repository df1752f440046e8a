//! How many connections there may be, and for how long.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Networks, ServerSettings, ZendoSettings};

/// Connections at most, however many files the machine allows: each may hold two buffers.
const MOST: usize = 4096;
const LEAST: usize = 16;
/// Files that are left for the database, for downloads and for the program itself.
const OTHER_FILES: usize = 256;

/// The bounds of all connections together, and of each.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// None: as many as the machine's open files allow.
    pub most: Option<usize>,
    /// Of one address; of one network of 64 bits, where addresses are IPv6's.
    pub most_of_address: usize,
    /// Proxies, each of which speaks for many callers.
    pub trusted: Networks,
    /// Within it a request's head has to come, and a part of an answer has to be taken.
    pub request_time: Duration,
    /// For so long a connection may wait for its next request.
    pub idle_time: Duration,
}

impl ConnectionLimits {
    pub fn new(server: &ServerSettings, zendo: &ZendoSettings) -> Self {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            most: zendo.max_connections.map(|most| number(most.0)),
            most_of_address: number(zendo.max_connections_per_address.0),
            trusted: zendo.trusted_proxies.clone(),
            request_time: Duration::from_secs(server.request_timeout.0.into()),
            idle_time: Duration::from_secs(zendo.keep_alive_timeout.0.into()),
        }
    }

    /// The number of all connections at most.
    pub(super) fn most(&self) -> usize {
        self.most.unwrap_or_else(|| most_with(open_files()))
    }

    /// What an address is counted as; none for one that speaks for many: a proxy, often on this machine.
    pub(super) fn counted_as(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        if address.is_loopback() || self.trusted.0.iter().any(|network| network.contains(&address)) {
            return None;
        }
        Some(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from(network))
            }
        })
    }
}

fn most_with(files: usize) -> usize {
    files.saturating_sub(OTHER_FILES).max(files / 2).clamp(LEAST, MOST)
}

fn open_files() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files.try_into().unwrap_or(usize::MAX))
}

/// Lets the process have as many open files as it may.
pub(crate) fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;

    #[test]
    fn other_files_have_their_room() {
        for (files, connections) in
            [(1, 16), (256, 128), (600, 344), (1024, 768), (4352, 4096), (1 << 20, 4096), (usize::MAX, 4096)]
        {
            assert_eq!(most_with(files), connections, "{files}");
        }
    }

    #[test]
    fn who_speaks_for_many_is_not_counted_by_address() {
        let zendo = ZendoSettings {
            trusted_proxies: Networks::read("10.0.0.0/8,fd00::/8").unwrap(),
            ..ZendoSettings::default()
        };
        let limits = ConnectionLimits::new(&ServerSettings::default(), &zendo);
        let counted = |address: &str| {
            limits.counted_as(address.parse().unwrap()).map_or("-".to_owned(), |address| address.to_string())
        };
        for (address, expected) in [
            ("9.9.9.9", "9.9.9.9"),
            ("::ffff:9.9.9.9", "9.9.9.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("127.0.0.1", "-"),
            ("::1", "-"),
            ("10.1.2.3", "-"),
            ("fd00::7", "-"),
        ] {
            assert_eq!(counted(address), expected, "{address}");
        }
    }
}
