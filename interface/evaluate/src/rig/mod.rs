//! The real stack, with real sockets, for one load after the other.
//!
//! Top to bottom: an HTTP client, the views, the cache (or none), gRPC, the library. The library and
//! its songs stay for all runs; the cache is new for each.

mod asking;
mod backend;
mod drive;
mod headers;
mod nodes;
mod runs;
mod sizing;
mod wav;

pub(crate) use self::{
    backend::{Filled, LibraryKind},
    runs::Rig,
};
