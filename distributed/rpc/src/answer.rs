//! What a call brings.

use bytes::Bytes;

use crate::peer::Peer;

/// What a peer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<R> {
    /// The reply.
    pub reply: R,
    /// The bytes that came with it.
    pub attachment: Bytes,
    /// Who answered, with the address that it announces.
    pub from: Peer,
}
