//! An evaluation: caches compared by measuring them.
//!
//! A table becomes a library (`table`), loads are drawn (`loads`, `questions`), the matrix is
//! laid out (`plan`), and run by run a real stack is asked (`rig`). Each run is handed on as a
//! `record`: written down whole (`measurements`) and summed up (`report`). The stacks are
//! composed by `kadenza-stack`, as those of `kadenza serve` are.

mod circumstances;
mod error;
mod flags;
mod loads;
mod measurements;
mod plan;
mod progress;
mod questions;
mod record;
mod report;
mod rig;
mod run;
mod table;

pub use error::EvaluateError;
pub use flags::Evaluate;
pub use run::Results;
