//! Which nodes may take part: what a data directory keeps of its cluster, and what nodes tell each other of theirs.
//!
//! A cluster begins with a key ([`begin`]). A node of it invites others ([`invite`]), who ask it for a record with which
//! every other node admits them ([`join`]). The cluster key shuts a node out again ([`revoke`]). All of this lies in files
//! of the data directory, which the commands of an operator and the running node share; what a node hears of the
//! rules themselves is in [`kadenza_trust`].

mod application;
mod directory;
mod guard;
mod orders;
mod tending;

pub use directory::TrustError;
pub(crate) use guard::{Door, Guard};
pub use kadenza_trust::{ClusterId, ClusterKey, Invitation};
pub use orders::{LetIn, Revoked, begin, belongs, cluster_key, invite, join, revoke};
pub(crate) use orders::{begin_if_none, listens, sign};
pub(crate) use tending::tend;

/// How a node knows which others may take part. All nodes of a network must have the same.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// Everybody may, unencrypted, and nobody proves who it is: for trials on one machine.
    Open,
    /// The members of the cluster whose record is in the data directory. A node that begins a network and has none
    /// there begins a cluster.
    #[default]
    Record,
    /// The members of the cluster of this key. A node that has no record yet signs one with it: for programs that hold
    /// several nodes, and the key.
    ClusterKey(ClusterKey),
}
