//! A simulator of Kademlia networks, and what must hold in them.

pub(crate) mod dice;
pub(crate) mod faulty;
pub(crate) mod watch;
pub(crate) mod world;
