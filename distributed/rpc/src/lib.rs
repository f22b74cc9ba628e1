//! The transport: JSON over TCP, one shared send socket per peer, one listener that hears replies.
//!
//! A request goes out on this node's own connection to the peer's listener, and the reply comes back
//! on the peer's own connection to this node's listener. A reply belongs to the call whose random id
//! it carries, if it comes from the peer that was asked. A connection that this node made is only ever
//! written to, one that it accepted only ever read. So each message announces the address of its
//! sender's listener, and both must be able to dial each other.
//!
//! The transport is generic over its messages ([`Message`], [`Request`]): it does not know what they
//! mean, or which nodes there are. With a key ([`RpcConfig::key`]) all connections are TLS 1.3 between proven nodes:
//! nothing is said to another node than the one that is meant, and nobody speaks for another. With a [`Gate`] nothing is
//! said before both nodes have admitted each other. Everything is bounded: see [`RpcConfig`]. Bytes that break the protocol
//! cost their sender the connection, and this node nothing.

mod answer;
mod calls;
mod config;
mod destination;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod hexadecimal;
mod message;
mod peer;
mod receiving;
mod security;
mod sending;
mod shared;
mod transport;
mod wire;

// The messages of the tests are shared with the tests outside, which know this crate by its name.
#[cfg(test)]
extern crate self as kadenza_rpc;
#[cfg(test)]
#[path = "../tests/support/message.rs"]
mod test_message;

pub use answer::Answer;
pub use config::RpcConfig;
pub use error::CallError;
pub use handler::{Handled, Handler, ReplyResult};
pub use message::{Class, Message, Request};
pub use peer::{Evidence, Peer, PeerId};
pub use security::{
    APPLICATION_BYTES_MAX, Applicant, Gate, INTRODUCTION_BYTES_MAX, NodeKey, PublicKey,
};
pub use sending::application::apply;
pub use transport::{Load, Rpc};
pub use wire::frame::{
    ATTACHMENT_BYTES_MAX, JSON_BYTES_MAX, LONG_JSON_BYTES_MAX, SMALL_FRAME_BYTES_MAX,
};
