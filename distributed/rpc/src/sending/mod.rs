//! The connections that this node makes, on which it only writes.

mod backoff;
mod dial;
mod link;
pub(crate) mod outbox;
pub(crate) mod send_socket;
pub(crate) mod sockets;
