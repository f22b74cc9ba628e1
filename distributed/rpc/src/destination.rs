//! Where a frame is to go.

use std::{fmt, net::SocketAddr};

use crate::peer::PeerId;

/// An address, and the node that must have proven to live there before anything is said; none if any may, or if
/// nobody proves anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) address: SocketAddr,
    pub(crate) id: Option<PeerId>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{id:.8}@{}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}
