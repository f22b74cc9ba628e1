//! Whom a request comes from, as far as bounds are concerned.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How much of an IPv6 address tells one subscriber from another: everybody has at least one network of this size
/// (RFC 6177).
const NETWORK_BITS: u32 = 64;

/// An address that has bounds: one of IPv4, or a network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// An address; none on loopback, which has no bounds.
    pub(crate) fn of(address: IpAddr) -> Option<Source> {
        let network = match address.to_canonical() {
            address if address.is_loopback() => return None,
            IpAddr::V6(address) => {
                let network = u128::MAX << (u128::BITS - NETWORK_BITS);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & network))
            }
            address => address,
        };
        Some(Source(network))
    }

    /// The address, or the first one of the network.
    pub(crate) fn address(self) -> IpAddr {
        self.0
    }

    /// The address that sent a request to `peer`, or is it. Each proxy adds the address that it saw to those that it was
    /// told, so that of the header the last one counts which is not that of a proxy: what stands before, anybody may have
    /// written. A proxy that names nobody asks for itself, as a gateway does, which bounds its own clients; it has no bounds.
    pub(crate) fn behind(peer: IpAddr, proxies: &[IpAddr], headers: &HeaderMap) -> Option<Source> {
        let mut last = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut told = lines.flat_map(|line| addresses(line).rev());
        while proxies.contains(&last) {
            match told.next() {
                Some(Some(address)) => last = address,
                // What is no address hides nobody.
                Some(None) => break,
                None => return None,
            }
        }
        Source::of(last)
    }
}

/// The addresses of a line, none where one is something else.
fn addresses(line: &HeaderValue) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    let line = line.to_str().unwrap_or("?");
    line.split(',').map(|address| {
        let address = address.trim();
        let with_port = || Some(address.parse::<SocketAddr>().ok()?.ip());
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse().ok().or_else(with_port);
        address.map(|address: IpAddr| address.to_canonical())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Option<Source> {
        Source::of(address.parse().unwrap())
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_loopback_is_none() {
        for (one, other) in [
            ("203.0.113.7", "::ffff:203.0.113.7"),
            ("2001:db8:1:2::3", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ] {
            assert_eq!(source(one), source(other), "{one} {other}");
        }
        for (one, other) in [
            ("203.0.113.7", "203.0.113.8"),
            ("2001:db8:1:2::3", "2001:db8:1:3::3"),
        ] {
            assert_ne!(source(one), source(other), "{one} {other}");
        }
        for loopback in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(source(loopback), None, "{loopback}");
        }
    }

    #[test]
    fn only_a_named_proxy_says_for_whom_it_asks() {
        let proxies = ["10.0.0.1", "10.0.0.2", "127.0.0.1"].map(|ip| ip.parse().unwrap());
        for (peer, lines, right) in [
            // Nobody else is believed.
            ("203.0.113.7", &["198.51.100.1"][..], "203.0.113.7"),
            ("10.0.0.3", &["198.51.100.1"], "10.0.0.3"),
            // The last that is no proxy; what a client wrote stands before.
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["1.1.1.1, 198.51.100.1, 10.0.0.2"],
                "198.51.100.1",
            ),
            ("127.0.0.1", &["2001:db8::1"], "2001:db8::"),
            ("::ffff:10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::"),
            ("10.0.0.1", &["198.51.100.1:80"], "198.51.100.1"),
            // Nobody is hidden behind what is no address.
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1", ""], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            let told = Source::behind(peer.parse().unwrap(), &proxies, &headers);
            assert_eq!(told, source(right), "{peer} {lines:?}");
        }
        for itself in ["127.0.0.1", "10.0.0.1"] {
            let asked = Source::behind(itself.parse().unwrap(), &proxies, &HeaderMap::new());
            assert_eq!(asked, None, "{itself}");
        }
    }
}
