//! The three seams of a node, simulated: what it runs on, what carries its messages, and what keeps its songs.

pub(crate) mod contents;
pub(crate) mod disk;
mod hostile;
pub(crate) mod lane;
pub(crate) mod life;
pub(crate) mod network;
pub(crate) mod store;
pub(crate) mod wire;
