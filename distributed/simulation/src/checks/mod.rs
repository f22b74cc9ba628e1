//! What must hold, a file for each.
//!
//! Some are looked at with every answer, some with every change on a disk, and the rest once nothing befalls the world
//! any more: then, within a time, everything must be as if nothing had.

pub(crate) mod acks;
pub(crate) mod agreement;
pub(crate) mod copies;
pub(crate) mod denials;
pub(crate) mod drops;
pub(crate) mod heard;
pub(crate) mod leavers;
pub(crate) mod listed;
pub(crate) mod meant;
pub(crate) mod refusals;
pub(crate) mod statuses;
pub(crate) mod traffic;
