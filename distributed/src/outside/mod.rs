//! Everything outside of a node that it depends on: the wire to other nodes, the store of its songs, and its
//! environment of clock, dice and tasks. A machine gives sockets, a disk and its own clock; a simulation gives others,
//! and then the same seed gives the same run. Time passes by the clock of tokio, which a simulation can set.

pub(crate) mod disk;
pub(crate) mod env;
pub(crate) mod store;
pub(crate) mod wire;

use std::sync::Arc;

use env::Env;
use store::Store;
use wire::Wire;

/// The outside of one node.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The way to other nodes.
    pub wire: Arc<dyn Wire>,
    /// What survives a crash.
    pub store: Arc<dyn Store>,
    /// Clock, dice and tasks.
    pub env: Arc<dyn Env>,
}
