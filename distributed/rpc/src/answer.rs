//! The answer to a call.

use bytes::Bytes;

use crate::peer::Peer;

/// The answer of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<R> {
    /// The reply.
    pub reply: R,
    /// The bytes that came with it.
    pub attachment: Bytes,
    /// The peer that answered, with the address that it announces.
    pub from: Peer,
}
