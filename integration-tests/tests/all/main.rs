//! Everything that needs more than one crate, in one program, since linking is the slow part.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod architecture;
mod broken;
mod browser;
mod caches;
mod cluster;
mod examples;
mod faults;
mod garbage;
mod memory;
mod odd;
mod policies;
mod stacks;
