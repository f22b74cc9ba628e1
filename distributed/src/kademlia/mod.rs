//! Kademlia as pure machines: whom to know, whom to ask, how long to wait.
//!
//! Nothing here owns a clock, a socket or dice. What happened and when goes in (`now_ms`:
//! milliseconds on any clock that never runs backwards), what to do comes out; a driver outside
//! carries it out. So the same code runs over TCP and under a simulator with a seed.
//!
//! - [`RoutingTable`]: the nodes known, who of them is alive, what maintenance is due;
//! - [`Lookup`]: finds the nodes closest to a key, asking a few at a time;
//! - [`RoundTrip`]: when one peer's answer is late, and when it is given up.
//!
//! Maymounkov and Mazières, "Kademlia: A Peer-to-peer Information System Based on the XOR Metric",
//! 2002. What we do otherwise is said where it is done.

mod bucket;
mod candidates;
mod deadline;
mod entry;
mod lookup;
mod maintenance;
mod past;
mod table;

use crate::Key;

pub use deadline::RoundTrip;
pub use entry::{Entry, Failure, State};
pub use lookup::Lookup;
pub use maintenance::Due;
pub use table::{Heard, Outcome, RoutingTable};

/// How many nodes a bucket holds, an answer carries and a full lookup finds: the paper's k.
pub const K: usize = 20;

/// How many nodes a lookup asks at once while it comes closer: the paper's alpha.
pub const ALPHA: usize = 3;

/// How many nodes a lookup asks at once when it comes no closer, or when peers are late or gone.
pub const ALPHA_STALLED: usize = 6;

/// The leading 64 bits of the distance between two keys: they nearly always decide which of two
/// nodes is closer, at a fraction of the cost.
fn nearness(a: &Key, b: &Key) -> u64 {
    let leading = |key: &Key| {
        let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    };
    leading(a) ^ leading(b)
}
