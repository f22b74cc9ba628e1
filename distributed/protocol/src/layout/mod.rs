//! The layout: which nodes belong to a network, and which of them are responsible for what.
//!
//! A pure machine, after the layout history of Garage (<https://garagehq.deuxfleurs.fr/documentation/design/internals/>)
//! and the joint majorities of Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm",
//! 2014, section 6), but without a leader and without consensus, since songs are only ever added:
//!
//! - What is known of each [`Member`] merges (a join-semilattice), as in SWIM (Das, Gupta and Motivala, 2002): two
//!   nodes that told each other all know the same [`Layout`].
//! - Each set of members is a [`Version`]. The earlier ones are kept until everything that was written under them has
//!   been given to the nodes that are responsible now. A "no" needs enough nodes of *every* version.
//! - A [`Lease`] says that a majority of each version agrees with this node. While it holds, nothing can have been
//!   written under a version that this node does not know.
//!
//! So nothing depends on who happens to answer: a node that is away stays responsible, and a minority, a frozen node
//! or one that returns has no lease, and neither acknowledges nor denies.

mod known;
mod lease;
mod member;
mod shares;
mod version;
mod view;

pub use known::{Layout, NetworkId, OtherNetwork};
pub use lease::{LEASE_MS, Lease};
pub use member::{CAPACITY_UNSAID_GIB, Member, Standing};
pub use shares::{SLOTS, Shares, Slot};
pub use version::Version;
pub use view::{Demand, View};

/// A node for the tests.
#[cfg(test)]
fn contact(id: u8) -> crate::Contact {
    crate::Contact {
        id: crate::Key::from_bytes([id; 32]),
        address: ([127, 0, 0, 1], u16::from(id)).into(),
    }
}
