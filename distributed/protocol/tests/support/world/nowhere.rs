//! Addresses at which no node is.

use std::net::SocketAddr;

/// An address that refuses, or one from which nothing ever comes back.
pub(super) fn nowhere(turn: usize) -> SocketAddr {
    let network = if turn.is_multiple_of(2) { 66 } else { HOLE };
    ([10, network, 0, turn as u8], 66).into()
}

/// The network of addresses that swallow what is sent to them.
const HOLE: u8 = 67;

/// Whether nothing ever comes back from an address.
pub(super) fn is_hole(address: SocketAddr) -> bool {
    matches!(address.ip(), std::net::IpAddr::V4(ip) if ip.octets()[1] == HOLE)
}
