//! Which addresses a server may call because a user named them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks that aren't the public internet, or that a machine keeps to itself (IANA's special-purpose registries,
/// RFC 6890), and addresses in public ones under which clouds answer their machines.
const INNER_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Azure's own services, for each of its machines.
    v4([168, 63, 129, 16], 32),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    v4([224, 0, 0, 0], 3),
];

/// The part of IPv6 that is given out. The rest is kept for machines, links and sites.
const GIVEN_OUT: Ipv6Net = v6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// What isn't public of it: protocols of the IETF (Teredo among them), documentation, segment routing.
const INNER_V6: [Ipv6Net; 3] = [
    v6(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    v6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    v6(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(address: Ipv6Addr, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(address, prefix)
}

/// Whether everyone may call it, or one of the networks has it. An IPv4 address within an IPv6 one is asked for as
/// itself, since that is where a packet would go.
pub(crate) fn may_call(address: IpAddr, allowed: &[IpNet]) -> bool {
    let meant = embedded(address).map_or(address, IpAddr::V4);
    let is_allowed = |address: IpAddr| allowed.iter().any(|network| network.contains(&address));
    is_public(meant) || is_allowed(meant) || is_allowed(address)
}

/// Whether it is an address of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !INNER_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GIVEN_OUT.contains(&address) && !INNER_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// The IPv4 address within an IPv6 one: mapped or compatible (RFC 4291), translated (RFC 6052), of 6to4 (RFC 3056).
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let octets = address.octets();
    let at =
        |place: usize| Ipv4Addr::new(octets[place], octets[place + 1], octets[place + 2], octets[place + 3]);
    match address.segments() {
        [0, 0, 0, 0, 0, 0, _, _] if address != Ipv6Addr::LOCALHOST && !address.is_unspecified() => {
            Some(at(12))
        }
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
            Some(at(12))
        }
        [0x2002, ..] => Some(at(2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_public_is_not_called() {
        for inner in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "64:ff9b:1::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
        ] {
            assert!(!may_call(address(inner), &[]), "{inner}");
        }
        for public in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"]
        {
            assert!(may_call(address(public), &[]), "{public}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_called() {
        let allowed = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        for inner in ["10.1.2.3", "::1", "::ffff:10.1.2.3"] {
            assert!(may_call(address(inner), &allowed), "{inner}");
        }
        assert!(
            !may_call(address("127.0.0.1"), &allowed) && !may_call(address("::ffff:127.0.0.1"), &allowed)
        );
    }

    proptest! {
        #[test]
        fn an_inner_address_is_not_reached_by_another_writing_of_it(a in any::<[u8; 4]>()) {
            let plain = Ipv4Addr::from(a);
            let [ab, cd] = [u16::from_be_bytes([a[0], a[1]]), u16::from_be_bytes([a[2], a[3]])];
            let is_public = may_call(IpAddr::V4(plain), &[]);
            for written in [
                plain.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, ab, cd),
                Ipv6Addr::new(0x2002, ab, cd, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(may_call(IpAddr::V6(written), &[]), is_public);
            }
        }
    }
}
