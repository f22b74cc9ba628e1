//! The peer protocol as pure machines: which nodes to know, which to ask, how long to wait for them,
//! and which are responsible for a song.
//!
//! Nothing here owns a clock, a socket or a source of chance. What happened and when goes in
//! (`now_ms`: milliseconds on any clock that never runs backwards), what to do comes out; a driver
//! outside carries it out. So the same code runs over TCP and under a simulator with a seed.
//!
//! - [`RoutingTable`]: the nodes known, which of them are alive, and what maintenance is due;
//! - [`Lookup`]: finds the nodes closest to a key, asking a few at a time;
//! - [`RoundTrip`]: when the answer of a peer is late, and when the request has failed;
//! - [`layout`]: who belongs to the network, and who is responsible for what;
//! - [`Placement`] and [`terms`]: which nodes must hold a song's audio and its card;
//! - [`Digests`]: what two nodes compare to see whether they hold the same.
//!
//! Maymounkov and Mazières, "Kademlia: A Peer-to-peer Information System Based on the XOR Metric",
//! 2002. Each difference from the paper is told where it is made.

mod contact;
mod digest;
mod disjoint;
mod key;
pub mod layout;
mod lookup;
mod parameters;
mod placement;
mod round_trip;
mod routing_table;
pub mod terms;

pub use contact::Contact;
pub use digest::{Digest, Digests, GROUPS, Item, Parts, RANGES, last_before, range_of, ranges_of};
pub use disjoint::{DisjointLookup, SEEDS_A_PATH};
pub use key::{Distance, Key};
pub use lookup::Lookup;
pub use parameters::{ALPHA, ALPHA_STALLED, K, PATHS};
pub use placement::{Placement, majority};
pub use round_trip::RoundTrip;
pub use routing_table::{Due, Entry, Failure, Heard, RoutingTable, State, TableChange};
