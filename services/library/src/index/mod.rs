//! Every card of a machine, in memory, arranged for search and browsing.
//!
//! [`Query`](kadenza_contract::Query) and [`Browse`](kadenza_contract::Browse) of the contract define the
//! right answer; the index finds it faster.
//!
//! An [`Index`] is a list of [segments](segment::Segment), which never change, and of what still counts of
//! each. New cards become a new segment; a card that changes or goes is forgotten where it was. In the
//! background small segments are [merged](merge::Merge) into large ones. Taking a change in makes a new list,
//! so a search under way is never disturbed and never waits.

mod bits;
mod browse;
mod doc;
mod list;
mod merge;
mod part;
mod question;
mod saved;
mod search;
mod segment;
mod tiers;
mod totals;

pub(crate) use doc::Scope;
pub(crate) use list::Index;
pub(crate) use merge::Merge;
pub(crate) use saved::{Moment, Saved};
pub(crate) use segment::Row;

#[cfg(test)]
mod tests;
