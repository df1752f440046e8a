//! Networks that a credential may be used from. A token made with a token is never for others.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Networks of one credential, at most: they are in each of its tokens.
pub(crate) const MOST: usize = 64;

/// Networks, each address in one of them: in the shortest form, so that alike ones are equal. None of them is for nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses(Arc<[IpNet]>);

/// A text that names no networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressesError {
    #[error("it names no address")]
    Empty,
    #[error("'{0}' is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32")]
    Unreadable(String),
    #[error("more than {MOST} networks")]
    TooMany,
}

impl Addresses {
    fn of(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let networks: Vec<IpNet> = networks.into_iter().map(canonical).collect();
        Self(IpNet::aggregate(&networks).into())
    }

    /// Whether the address is in one of the networks.
    pub fn have(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The addresses that both have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let both = |one: &IpNet, other: &IpNet| match (one.contains(other), other.contains(one)) {
            (true, _) => Some(*other),
            (_, true) => Some(*one),
            _ => None,
        };
        Self::of(self.0.iter().flat_map(|one| other.0.iter().filter_map(move |other| both(one, other))))
    }

    /// How many networks there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Without the bits of a host, and an IPv4 network as one however it was written: callers' addresses are compared so.
fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    let IpNet::V6(inner) = network else { return network };
    let mapped = inner.addr().to_ipv4_mapped().zip(inner.prefix_len().checked_sub(96));
    let v4 = mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    v4.map_or(network, IpNet::V4)
}

/// Addresses and networks, with commas or spaces between.
impl FromStr for Addresses {
    type Err = AddressesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut networks = Vec::new();
        for part in text.split([',', ' ', '\n', '\t', '\r']).filter(|part| !part.is_empty()) {
            let network = part.parse().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
            networks.push(network.ok_or_else(|| AddressesError::Unreadable(shown(part)))?);
            if networks.len() > MOST {
                return Err(AddressesError::TooMany);
            }
        }
        match networks.is_empty() {
            true => Err(AddressesError::Empty),
            false => Ok(Self::of(networks)),
        }
    }
}

/// As much of a text as an error repeats.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(50).collect()
}

/// With commas between, as it is read.
impl fmt::Display for Addresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, network) in self.0.iter().enumerate() {
            write!(formatter, "{}{network}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// A list of texts.
impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let networks = Vec::<String>::deserialize(deserializer)?;
        if networks.len() > MOST {
            return Err(serde::de::Error::custom(AddressesError::TooMany));
        }
        let read = |text: &String| text.parse::<Self>().map_err(serde::de::Error::custom);
        let networks = networks.iter().map(read).collect::<Result<Vec<Self>, _>>()?;
        Ok(Self::of(networks.iter().flat_map(|networks| networks.0.iter().copied())))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Networks near each other, so that they meet.
    pub(crate) fn addresses() -> impl Strategy<Value = Addresses> {
        let v4 = (0u8..4, 22u8..=32).prop_map(|(last, prefix)| format!("10.0.0.{last}/{prefix}"));
        let v6 = (0u8..4, 120u8..=128).prop_map(|(last, prefix)| format!("2001:db8::{last}/{prefix}"));
        let mapped =
            (0u8..4, 120u8..=128).prop_map(|(last, prefix)| format!("::ffff:10.0.0.{last}/{prefix}"));
        proptest::collection::vec(prop_oneof![v4, v6, mapped], 1..4)
            .prop_map(|networks| networks.join(",").parse().unwrap())
    }

    /// Addresses in and around those networks.
    pub(crate) fn every_address() -> impl Iterator<Item = IpAddr> {
        let of = |last: u8| {
            [
                format!("10.0.0.{last}"),
                format!("10.0.1.{last}"),
                format!("2001:db8::{last}"),
                format!("::{last}"),
            ]
        };
        (0u8..6).flat_map(of).map(|text| text.parse().unwrap())
    }

    proptest! {
        #[test]
        fn an_intersection_has_what_both_have(one in addresses(), other in addresses()) {
            let both = one.intersection(&other);
            for address in every_address() {
                prop_assert_eq!(both.have(address), one.have(address) && other.have(address), "{}", address);
            }
            let written = serde_json::to_string(&both).unwrap();
            prop_assert_eq!(serde_json::from_str::<Addresses>(&written).unwrap(), both);
        }
    }

    #[test]
    fn networks_are_read_in_any_spelling_and_written_in_one() {
        let read = |text: &str| text.parse::<Addresses>().map(|addresses| addresses.to_string());
        for (text, written) in [
            ("10.1.2.3", "10.1.2.3/32"),
            ("10.1.2.3/8, 10.0.0.0/9", "10.0.0.0/8"),
            ("10.0.0.128/25 10.0.0.0/25", "10.0.0.0/24"),
            ("2001:DB8::1", "2001:db8::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("0.0.0.0/0,::/0", "0.0.0.0/0,::/0"),
        ] {
            assert_eq!(read(text).unwrap(), written, "{text}");
        }
        for wrong in
            ["", " , ", "10.0.0.0/33", "10.0.0", "example.com", "10.0.0.1:80", "::/129", "10.0.0.0/-1"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read(&"10.0.0.1,".repeat(MOST + 1)), Err(AddressesError::TooMany));
    }

    #[test]
    fn no_networks_are_for_nobody() {
        let none: Addresses = serde_json::from_str("[]").unwrap();
        assert!(every_address().all(|address| !none.have(address)));
    }

    #[test]
    fn a_caller_is_known_however_its_address_is_written() {
        let addresses: Addresses = "10.0.0.0/8".parse().unwrap();
        assert!(addresses.have("::ffff:10.1.2.3".parse().unwrap()));
        let v6: Addresses = "::/0".parse().unwrap();
        assert!(!v6.have("::ffff:10.1.2.3".parse().unwrap()));
    }
}
