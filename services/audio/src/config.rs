//! The bounds of an intake.

use std::time::Duration;

use crate::program::ReaderProgram;

/// The bounds of an [`Intake`](crate::Intake). The defaults fit a home server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeConfig {
    /// The largest upload that is taken, in bytes.
    pub upload_bytes_max: u64,
    /// How many bytes of the disk are left free. An upload that would use them is refused with
    /// [`Error::Full`](kadenza_contract::Error::Full).
    pub disk_reserve_bytes: u64,
    /// How many uploads are under way at once; a further one waits for its turn once its first mebibyte is there.
    pub uploads_max: usize,
    /// The program whose processes read files of strangers: each takes less than 200 MB and 3 s for a file. `None`
    /// if they are read in this process, where nothing ends a parser that only computes.
    pub reader: Option<ReaderProgram>,
    /// How many uploads are read at once, and how many files of the library; a quarter as many of each, at least
    /// one, may take longer than a moment and more memory than usual.
    pub tag_readers_max: usize,
    /// How long the reading of one file may take, with the disk, before the file is refused.
    pub tag_deadline: Duration,
    /// How many bytes of covers are kept in memory.
    pub cover_bytes_max: usize,
    /// How long a call waits for its turn before it ends in
    /// [`Error::Busy`](kadenza_contract::Error::Busy).
    pub patience: Duration,
}

impl Default for IntakeConfig {
    fn default() -> IntakeConfig {
        IntakeConfig {
            upload_bytes_max: 2 << 30,
            disk_reserve_bytes: 64 << 20,
            uploads_max: 64,
            reader: None,
            tag_readers_max: 4,
            tag_deadline: Duration::from_secs(10),
            cover_bytes_max: 32 << 20,
            patience: Duration::from_secs(30),
        }
    }
}
