//! Where the server listens.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use super::value::Setting;

/// An address or a name of this machine, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    Address(SocketAddr),
    Name(String, u16),
}

impl Listen {
    /// The address that is meant: of a name that has several, the first of IPv4, at which all programs look.
    ///
    /// # Errors
    /// When nobody knows the name.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        let (name, port) = match self {
            Self::Address(address) => return Ok(*address),
            Self::Name(name, port) => (name.as_str(), *port),
        };
        let known: Vec<SocketAddr> = (name, port).to_socket_addrs()?.collect();
        let found = known.iter().find(|address| address.is_ipv4()).or(known.first());
        found.copied().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Whether nobody but this machine itself gets there.
    pub fn is_loopback(&self) -> bool {
        self.resolve().is_ok_and(|address| address.ip().is_loopback())
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self::Address(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))
    }
}

impl Setting for Listen {
    const ACCEPTED: &'static str =
        "ADDRESS:PORT or NAME:PORT, such as 127.0.0.1:8080, [::]:8080 or localhost:8080";
    fn read(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        let (name, port) = text.rsplit_once(':')?;
        let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        // What has digits alone at its end is an address that is wrong.
        let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let is_name = !last.is_empty() && !last.bytes().all(|byte| byte.is_ascii_digit());
        (is_name && name.chars().all(is_sign))
            .then(|| port.parse().ok())
            .flatten()
            .map(|port| Self::Name(name.to_owned(), port))
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text.trim()).ok_or_else(|| format!("give {}", Self::ACCEPTED))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Name(name, port) => write!(formatter, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_read_with_their_port() {
        for text in
            ["127.0.0.1:8080", "0.0.0.0:0", "[::]:8080", "localhost:8080", "zen-1.example:80", "a_b:1"]
        {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for wrong in
            ["", "8080", ":8080", "localhost", "localhost:", "localhost:http", "localhost:65536", "::1:80"]
                .into_iter()
                .chain(["1.2.3:80", "256.0.0.1:80", "http://localhost:80", "a b:80", "10.0.0.1.:80"])
        {
            assert_eq!(Listen::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn localhost_is_this_machine() {
        let localhost: Listen = "localhost:8080".parse().unwrap();
        assert!(localhost.is_loopback() && Listen::default().is_loopback());
        assert!(!"0.0.0.0:8080".parse::<Listen>().unwrap().is_loopback());
        assert!(!"no-such-name.invalid:80".parse::<Listen>().unwrap().is_loopback());
    }
}
