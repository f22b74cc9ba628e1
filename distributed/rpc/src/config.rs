//! The settings of the transport, all bounds among them.

use std::{net::SocketAddr, time::Duration};

use crate::{
    peer::PeerId,
    security::NodeKey,
    wire::frame::{ATTACHMENT_BYTES_MAX, HEADER_BYTES, LONG_JSON_BYTES_MAX},
};

/// The settings of the transport. The defaults of [`RpcConfig::new`] suit machines at home and in one
/// rack; memory for frames is at most sockets × (small + bulk bytes per peer), if every peer stops
/// reading at once.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RpcConfig {
    /// This node's id.
    pub id: PeerId,
    /// This node's key, of which the id is. With it every connection is encrypted, and both ends prove who they are;
    /// without it nothing is hidden and nobody proven, and the node speaks only with others that have none. Default
    /// none.
    pub key: Option<NodeKey>,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address under which other nodes reach the listener, where that is another one than
    /// `listen`; port 0 means the port of the listener. Must be given where `listen` is the
    /// unspecified address.
    pub advertise: Option<SocketAddr>,
    /// How many send sockets there are at most; the least used one makes room. Default 256.
    pub send_sockets_max: usize,
    /// How many accepted connections there are at most; the one that was quiet for longest makes
    /// room. Default 1,024.
    pub connections_max: usize,
    /// How many of them from one IP address. Default 512: clusters on one host are common.
    pub connections_per_ip_max: usize,
    /// How many calls may wait for their answers. Default 16,384.
    pub calls_max: usize,
    /// How many bytes of small frames may wait for one peer; beyond that, calls fail at once.
    /// Default 512 KiB.
    pub small_bytes_per_peer_max: usize,
    /// How many bytes of bulk frames may wait for one peer; beyond that, senders wait. Default
    /// 4 MiB, at least one longest frame.
    pub bulk_bytes_per_peer_max: usize,
    /// How many requests may be answered by [`Handled::Later`](crate::Handled::Later) at once; beyond
    /// that, the answer is "busy". Default 1,024.
    pub requests_max: usize,
    /// How many of them from one peer. Default 128.
    pub requests_per_peer_max: usize,
    /// How many bytes of attachments such requests may hold. Default 64 MiB.
    pub requests_bytes_max: usize,
    /// How long a frame may take to arrive once it has begun, and a new connection to send its first
    /// one. Default 15 s: the longest frame at some 90 KB/s.
    pub frame_deadline: Duration,
    /// How long a peer may take none of what is written to it. Default 10 s.
    pub stall_deadline: Duration,
    /// How long a connection may take to be made. Default 3 s.
    pub dial_deadline: Duration,
    /// How long a new connection is trusted though calls on it time out. After that a timeout has the
    /// next call dial anew: the machine may have vanished without a word. Default 10 s.
    pub trusted_for: Duration,
    /// How long requests may still be answered whose connection was lost, where the peer could be
    /// dialled again. Default 500 ms.
    pub lost_grace: Duration,
}

impl RpcConfig {
    /// The settings of a node with this key that listens at this address.
    #[must_use]
    pub fn proven(key: &NodeKey, listen: SocketAddr) -> RpcConfig {
        RpcConfig {
            key: Some(key.clone()),
            ..RpcConfig::new(key.id(), listen)
        }
    }

    /// The settings of a node with this id that listens at this address.
    #[must_use]
    pub fn new(id: PeerId, listen: SocketAddr) -> RpcConfig {
        RpcConfig {
            id,
            key: None,
            listen,
            advertise: None,
            send_sockets_max: 256,
            connections_max: 1024,
            connections_per_ip_max: 512,
            calls_max: 16 << 10,
            small_bytes_per_peer_max: 512 << 10,
            bulk_bytes_per_peer_max: 4 << 20,
            requests_max: 1024,
            requests_per_peer_max: 128,
            requests_bytes_max: 64 << 20,
            frame_deadline: Duration::from_secs(15),
            stall_deadline: Duration::from_secs(10),
            dial_deadline: Duration::from_secs(3),
            trusted_for: Duration::from_secs(10),
            lost_grace: Duration::from_millis(500),
        }
    }

    /// The room of the bulk lane: at least one longest frame, or that could never be sent.
    pub(crate) fn bulk_bytes(&self) -> usize {
        self.bulk_bytes_per_peer_max
            .max(HEADER_BYTES + LONG_JSON_BYTES_MAX + ATTACHMENT_BYTES_MAX)
    }
}
