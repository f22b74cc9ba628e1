//! What the songs of a group add up to.

use super::doc::Doc;

/// What the songs of a group in a segment add up to.
#[derive(Debug)]
pub(crate) struct Total {
    pub(crate) songs: u64,
    pub(crate) duration_ms: u64,
    pub(crate) year: Option<u32>,
    /// The song with the lowest id.
    pub(crate) first: Option<Doc>,
}
