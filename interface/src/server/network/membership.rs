//! What a process does with its node beside asking it for songs.

use std::net::SocketAddr;

use futures_util::future::BoxFuture;

use crate::server::admin::HandOn;

/// A running node, as the process that started it sees it.
pub(in crate::server) struct Membership {
    /// Where the node speaks to other nodes.
    pub(in crate::server) rpc: SocketAddr,
    /// How it hands its share on.
    pub(in crate::server) hand_on: HandOn,
    /// Stops it.
    pub(in crate::server) shut_down: BoxFuture<'static, ()>,
}
