//! Comparing what nodes hold, and giving what is missing.

pub(crate) mod ledger;
mod mending;
mod missing;
mod pace;
mod partners;
mod repair;
mod surplus;
pub(crate) mod survey;

pub(crate) use pace::Pace;
pub(crate) use repair::{Repairing, placed};
