//! What one address may do, so that it takes nothing from others: how many connections and uploads it has at once,
//! and how often it asks for what costs much.
//!
//! Loopback has no bounds: whoever is on this machine has its processors anyhow, and a proxy there would make one
//! address of everybody.

mod rates;
mod shares;
mod source;

pub(crate) use rates::Rates;
pub use rates::{Rate, RateBounds};
pub(crate) use shares::{Share, Shares};
pub(crate) use source::Source;
