//! A node as another node knows it: its id and the address of its listener.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::key::Key;

/// A node's id and the address of its listener. Never the port that a message came from: replies
/// travel on a connection of their own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: Key,
    /// The address of its listener.
    #[serde(rename = "at")]
    pub address: SocketAddr,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.8}@{}", self.id, self.address)
    }
}
