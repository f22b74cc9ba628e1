//! Representations (RFC 9110): their headers, their validators and the conditions on them, ranges of their
//! bytes, and bodies of exactly their length.

mod conditional;
mod disposition;
mod exact;
mod heads;
mod multipart;
pub(crate) mod ranges;

pub(crate) use conditional::{Preconditions, Validators};
pub(crate) use exact::{AudioBody, Exact};
pub(crate) use heads::{Head, Heads};
pub(crate) use multipart::Multipart;
