//! Everything that needs more than one crate, in one program, since linking is the slow part.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod architecture;
mod backend;
mod broken;
mod browser;
mod caches;
mod cluster;
mod evaluate;
mod examples;
mod failures;
mod faults;
mod garbage;
mod joining;
mod kills;
mod memory;
mod objects;
mod odd;
mod postgres;
mod schemathesis;
mod stacks;
