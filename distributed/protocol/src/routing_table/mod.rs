//! The routing table and its parts.

mod bucket;
mod candidates;
mod entry;
mod maintenance;
mod past;
mod table;
mod timers;

pub use entry::{Entry, Failure, State};
pub use maintenance::Due;
pub use table::{Heard, RoutingTable, TableChange};
