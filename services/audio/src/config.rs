//! The bounds of an intake.

use std::time::Duration;

/// The bounds of an [`Intake`](crate::Intake). The defaults fit a home server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeConfig {
    /// The largest upload that is taken, in bytes.
    pub upload_bytes_max: u64,
    /// How many bytes of the disk are left free. An upload that would use them is refused with
    /// [`Error::Full`](kadenza_contract::Error::Full).
    pub disk_reserve_bytes: u64,
    /// How many uploads are under way at once; a further one waits for its turn.
    pub uploads_max: usize,
    /// How many files are parsed at once for tags and covers. Each may take some 100 MB of memory
    /// at worst.
    pub tag_readers_max: usize,
    /// How long the parsing of one file may take before the file is refused.
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
            tag_readers_max: 4,
            tag_deadline: Duration::from_secs(10),
            cover_bytes_max: 32 << 20,
            patience: Duration::from_secs(30),
        }
    }
}
