//! Kadenza's distributed layer: many libraries, one music service.
//!
//! The machines form a Kademlia network. Routing table, lookup and deadlines are pure state
//! machines ([`kademlia`]); [`rpc`] owns the sockets; [`Node`] puts both over a local library and
//! is a [`MusicService`](kadenza_services::MusicService) that views cannot tell from one.

pub mod kademlia;
pub mod rpc;

mod contact;
mod key;
mod message;

pub use contact::Contact;
pub use key::{Distance, Key};
pub use message::{Holding, Reply, Request};
