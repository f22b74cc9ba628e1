//! The settings of a library.

use std::{path::PathBuf, sync::Arc, time::Duration};

use kadenza_audio::{AudioStore, IntakeConfig, ReaderProgram};

/// The bounds of a [`Library`](crate::Library). The defaults fit a home server.
#[derive(Debug, Clone)]
pub struct LibraryConfig {
    /// Where audio is.
    pub audio: AudioPlace,
    /// The largest upload that is taken, in bytes.
    pub upload_bytes_max: u64,
    /// How many bytes of the disk are left free. An upload that would use them is refused with
    /// [`Error::Full`](kadenza_contract::Error::Full), so that the database can always be written.
    pub disk_reserve_bytes: u64,
    /// Whether the audio is lost, as the person says who starts it: then a directory without any of it
    /// is taken, and what is missing is noted as damaged.
    pub is_audio_lost: bool,
    /// How many bytes of audio are examined in a second when nobody listens, so that damage is found; 0
    /// if only what is known to be damaged is examined again.
    pub scrub_bytes_per_second: u64,
    /// How many uploads are under way at once; a further one waits for its turn. An upload ends when it
    /// is committed or given up.
    pub uploads_max: usize,
    /// How many replicas may be arriving in chunks at once; a further one waits for its turn.
    pub receiving_max: usize,
    /// The program whose processes read files of strangers; `None` if this process reads them itself. See
    /// [`IntakeConfig::reader`].
    pub reader: Option<ReaderProgram>,
    /// How many uploads are read for tags at once, and how many files for covers.
    pub tag_readers_max: usize,
    /// How long the reading of one file may take before the file is refused.
    pub tag_deadline: Duration,
    /// How many audio files are kept open.
    pub open_files_max: usize,
    /// How many bytes of covers are kept in memory.
    pub cover_bytes_max: usize,
    /// How long a call waits for its turn before it ends in
    /// [`Error::Busy`](kadenza_contract::Error::Busy).
    pub patience: Duration,
}

impl Default for LibraryConfig {
    fn default() -> LibraryConfig {
        let intake = IntakeConfig::default();
        LibraryConfig {
            audio: AudioPlace::default(),
            upload_bytes_max: intake.upload_bytes_max,
            disk_reserve_bytes: intake.disk_reserve_bytes,
            is_audio_lost: false,
            scrub_bytes_per_second: 4 << 20,
            uploads_max: intake.uploads_max,
            receiving_max: 64,
            reader: intake.reader,
            tag_readers_max: intake.tag_readers_max,
            tag_deadline: intake.tag_deadline,
            open_files_max: 256,
            cover_bytes_max: intake.cover_bytes_max,
            patience: intake.patience,
        }
    }
}

impl LibraryConfig {
    /// The bounds of uploads, parsing and covers among these.
    #[must_use]
    pub fn intake(&self) -> IntakeConfig {
        IntakeConfig {
            upload_bytes_max: self.upload_bytes_max,
            disk_reserve_bytes: self.disk_reserve_bytes,
            uploads_max: self.uploads_max,
            reader: self.reader.clone(),
            tag_readers_max: self.tag_readers_max,
            tag_deadline: self.tag_deadline,
            cover_bytes_max: self.cover_bytes_max,
            patience: self.patience,
        }
    }
}

/// Where a library has its audio. The database is always in its directory.
///
/// A directory is read and written by our own code, the data directory and any other alike: what
/// is in the machine's memory is then given on the calling thread, at the speed of a web server for
/// files. A store is slower by a request for each chunk, and larger than any machine.
#[derive(Debug, Clone, Default)]
pub enum AudioPlace {
    /// In the directory of the library.
    #[default]
    Data,
    /// In another directory, which this library has to itself.
    Directory(PathBuf),
    /// In a store, such as a bucket, which belongs to this library alone.
    Store(Arc<dyn AudioStore>),
}
