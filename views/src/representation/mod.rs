//! What HTTP knows of a piece of content (RFC 9110): its headers, its validators and the conditions on
//! them, ranges of its bytes, and bodies of exactly its length.

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
