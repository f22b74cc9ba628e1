//! Kadenza's distributed layer: many libraries, one music service.
//!
//! The machines form a Kademlia network. Routing table, lookup and deadlines are pure state
//! machines ([`kademlia`]); [`rpc`] owns the sockets; [`Node`] puts both over a local library and
//! is a [`MusicService`](kadenza_contract::MusicService) that views cannot tell from one.

mod accounts;
mod beginning;
mod cluster;
mod identity;
mod keep;
mod membership;
mod network;
mod node;
mod outside;
mod reading;
mod repairing;
mod replicas;
mod status;
pub mod trust;
mod uploading;

pub use accounts::NodeWriter;
pub use beginning::{Beginning, Introductions};
pub use identity::IdentityError;
pub use kadenza_protocol as kademlia;
pub use kadenza_protocol::{Contact, Distance, Key};
pub use kadenza_rpc as rpc;
pub use network::message::{Holding, Reply, Request};
pub use node::{
    Node, NodeConfig, REPAIR_AFTER_DEFAULT, REPAIR_BYTES_PER_SECOND_DEFAULT, REPLICATION_DEFAULT,
    REPLICATION_MAX, StartError,
};
pub use outside::{
    Outside,
    env::Env,
    store::{Arriving, StagedUpload, Store},
    wire::Wire,
};
