//! The totals of a group of songs.

use super::doc::Doc;

/// The totals of a group in one segment.
#[derive(Debug)]
pub(crate) struct Total {
    pub(crate) songs: u64,
    pub(crate) duration_ms: u64,
    pub(crate) year: Option<u32>,
    /// The song with the lowest id.
    pub(crate) first: Option<Doc>,
}
