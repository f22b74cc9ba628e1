//! Mutated inputs for every parser of ours that hears strangers, members or servers.
//!
//! A [`Target`] takes bytes and panics where a promise is broken: what parses must be written and parse to the same again,
//! no answer may be the server's fault, nobody may be heard in another's name. [`run`] feeds it with mutations of what our
//! own code writes, on stable Rust and without instruments: an input after which a target tells something new is kept and
//! mutated further, which stands for coverage. It fails for a panic, also for one of ours that a guard caught, for memory
//! beyond a bound, and for an input that takes long.
//!
//! The same targets run under libFuzzer, which sees coverage: `integration-tests/fuzz/libfuzzer`.

mod memory;
mod mutator;
mod panics;
mod run;
mod target;
mod targets;

pub use memory::memory_taken;
pub use run::{Bounds, Failure, Report, replay, run};
pub use target::{Hears, Target};
pub use targets::{TARGETS, named};
