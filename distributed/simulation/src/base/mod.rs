//! What everything in a world uses: chance, and the log.

pub(crate) mod dice;
pub(crate) mod log;
