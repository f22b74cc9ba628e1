//! A range of the bytes of audio.

use std::ops::Range;

use crate::{Error, Result};

/// Bytes from `start` up to but not including `end`, or to the end of the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// The byte behind the last; the end of the audio if there is none, or if it lies behind it.
    pub end: Option<u64>,
}

impl ByteRange {
    /// All bytes.
    pub const ALL: ByteRange = ByteRange {
        start: 0,
        end: None,
    };

    /// The bytes that the range means in audio of `size` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] if it begins at or behind the end, unless it means all of empty audio.
    pub fn within(self, size: u64) -> Result<Range<u64>> {
        let end = self.end.unwrap_or(size).min(size);
        if self.start < end || (self.start == 0 && size == 0) {
            Ok(self.start..end)
        } else {
            Err(Error::Range { size })
        }
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> ByteRange {
        ByteRange {
            start: range.start,
            end: Some(range.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_at_the_end_and_refused_behind_it() {
        let range = |start, end, size| ByteRange { start, end }.within(size).ok();
        assert_eq!(range(0, None, 10), Some(0..10));
        assert_eq!(range(9, Some(99), 10), Some(9..10));
        assert_eq!(range(10, None, 10), None);
        assert_eq!(range(5, Some(5), 10), None);
        assert_eq!(range(0, None, 0), Some(0..0));
        assert_eq!(range(u64::MAX, Some(u64::MAX), 10), None);
    }
}
