//! Whole nodes on a simulated outside: network, disks, clocks and chance come from a seed, and the same seed gives the
//! same run.
//!
//! A world is a handful of machines in one thread. For some minutes of its own time anything befalls it, while clients
//! upload, search and listen; then it is healed, and must become whole. What must hold is in `checks`, what befalls a
//! world in `nemeses`, and what is staged in `scenarios`; of the code of a node, everything above the three seams runs as
//! it is. FoundationDB's simulation is the model (Zhou et al., "FoundationDB: A Distributed Unbundled Transactional Key Value Store", 2021, section 4).

mod base;
mod checks;
mod clients;
mod nemeses;
mod outside;
mod run;
mod scenarios;
mod world;

pub use run::{Options, Report, run};
pub use scenarios::{PLAYED, Scenario};
