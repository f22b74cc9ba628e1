//! The connections that other nodes make, on which this node only reads.

pub(crate) mod connections;
pub(crate) mod inbound;
pub(crate) mod incoming;
