//! The bounds of a cache, and its time.

/// The most that a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes of keys and values, and some 200 for each entry.
    pub bytes: usize,
    /// Entries.
    pub entries: usize,
}

/// The time, in milliseconds since any moment. A clock is only looked at where the time matters: that
/// takes about as long as all the rest of a call.
pub(super) trait Time {
    fn ms(&self) -> u64;
}

impl Time for u64 {
    fn ms(&self) -> u64 {
        *self
    }
}
