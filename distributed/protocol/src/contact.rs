//! What one node knows of another: who it is and where it listens.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::key::Key;

/// A node's id and the address of its listener. Never the port that a message came from: replies
/// travel on a connection of their own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contact {
    /// Who it is.
    pub id: Key,
    /// Where its listener is.
    #[serde(rename = "at")]
    pub address: SocketAddr,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.8}@{}", self.id, self.address)
    }
}
