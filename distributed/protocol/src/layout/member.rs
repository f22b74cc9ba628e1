//! What is known of one member.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The capacity of a member that does not say it, in GiB.
pub const CAPACITY_UNSAID_GIB: u32 = 1024;

/// How a member stands, in the order in which a later word overrules an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It asks to be a member, and is none yet.
    Joining,
    /// It is responsible for its share.
    Up,
    /// It did not answer for a while: others are responsible meanwhile. It still counts in every majority.
    Away,
    /// It said goodbye, or the operator gave it up: it counts no longer.
    Gone,
}

/// What is known of one member.
///
/// Merging takes the higher incarnation, and of the same one the later [`Standing`]. Only the member itself begins a
/// new incarnation: so it contradicts what others say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// How often it came back, or moved.
    pub incarnation: u64,
    /// How it stands.
    pub standing: Standing,
    /// Where it listens.
    #[serde(rename = "at")]
    pub address: SocketAddr,
    /// How much audio it can hold, in GiB: one with twice as much is responsible for twice as much.
    #[serde(default = "unsaid")]
    pub capacity_gib: u32,
}

fn unsaid() -> u32 {
    CAPACITY_UNSAID_GIB
}

impl Member {
    /// The next incarnation of a member that is here, at an address. One that was gone has to ask again.
    #[must_use]
    pub fn back(&self, address: SocketAddr) -> Member {
        Member {
            incarnation: self.incarnation.saturating_add(1),
            standing: match self.standing {
                Standing::Up | Standing::Away => Standing::Up,
                Standing::Joining | Standing::Gone => Standing::Joining,
            },
            address,
            ..*self
        }
    }
}
