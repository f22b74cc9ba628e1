//! Kadenza's distributed layer: many libraries, one music service.
//!
//! The machines form a Kademlia network. Routing table, lookup and deadlines are pure state
//! machines ([`kademlia`]); [`rpc`] owns the sockets; [`Node`] puts both over a local library and
//! is a [`MusicService`](kadenza_services::MusicService) that views cannot tell from one.

pub mod rpc;

mod cluster;
mod find;
mod identity;
mod inventory;
mod keep;
mod listen;
mod listing;
mod local;
mod members;
mod message;
mod node;
mod peer;
mod push;
mod quorum;
mod repair;
mod replica;
mod routing;
mod serve;
mod shelf;
mod status;
mod turns;
mod upload;

pub use identity::IdentityError;
pub use kadenza_protocol as kademlia;
pub use kadenza_protocol::{Contact, Distance, Key};
pub use message::{Holding, Reply, Request};
pub use node::{Node, NodeConfig, REPLICATION_DEFAULT, REPLICATION_MAX, StartError};
