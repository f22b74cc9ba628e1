//! The calls of a process to its node, beside those of a music service.

use std::net::SocketAddr;

use futures_util::future::BoxFuture;

use crate::server::admin::Orders;

/// A running node, as the process that started it sees it.
pub(in crate::server) struct Membership {
    /// The address at which the node listens for other nodes.
    pub(in crate::server) rpc: SocketAddr,
    /// What it can be told.
    pub(in crate::server) orders: Orders,
    /// Stops it.
    pub(in crate::server) shut_down: BoxFuture<'static, ()>,
}
