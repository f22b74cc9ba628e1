//! Comparing what nodes hold, and giving what is missing.

pub(crate) mod inventory;
pub(crate) mod repair;
