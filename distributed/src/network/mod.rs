//! This node among the others: what they say to each other, calls to them and answers for them.

pub(crate) mod caller;
pub(crate) mod cards;
pub(crate) mod message;
mod nodes;
mod patience;
pub(crate) mod peers;
pub(crate) mod routing;
pub(crate) mod serve;
mod silence;
