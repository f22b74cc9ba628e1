//! Bounds on what is read of a file, and kept in memory.

/// The largest picture that is taken from a file, in bytes.
pub(crate) const PICTURE_BYTES_MAX: usize = 10 << 20;
/// The most that a parser allocates at once: the largest block of FLAC, since a cover that is too large must
/// not hide a smaller one.
pub(crate) const ALLOCATION_BYTES_MAX: usize = 17 << 20;
/// The most bytes that a parser reads of one file at one attempt. Tags with their pictures fit many times over;
/// audio itself is skipped, not read.
pub(crate) const READ_BYTES_MAX: u64 = 64 << 20;
/// The longest that one byte of audio lasts, in seconds. The smallest frames of silence are below it; a file that
/// states more does not say how long it lasts.
pub(crate) const BYTE_S_MAX: u64 = 10;
