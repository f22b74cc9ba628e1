//! The nodes that are responsible for something, and how many of them must agree.

use kadenza_protocol::Contact;

/// A node that a lookup found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocatedNode {
    pub(crate) contact: Contact,
    /// Whether its "no" counts.
    pub(crate) settled: bool,
}

/// The nodes responsible for a key.
#[derive(Debug, Clone)]
pub(crate) struct Responsible {
    /// The closest first. Nodes that have not taken over their share yet are among them, and then
    /// so are those that were responsible before.
    pub(crate) nodes: Vec<LocatedNode>,
    /// How many must agree.
    pub(crate) needed: usize,
}
