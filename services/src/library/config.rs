//! What can be set of a library.

use std::{path::PathBuf, str::FromStr, time::Duration};

/// The bounds of a [`Library`](crate::Library). The defaults fit a home server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryConfig {
    /// Where audio is.
    pub audio: AudioPlace,
    /// The largest upload that is taken, in bytes.
    pub upload_bytes_max: u64,
    /// How many bytes of the disk are left free. An upload that would use them is refused with
    /// [`Error::Full`](crate::Error::Full), so that the database can always be written.
    pub disk_reserve_bytes: u64,
    /// How many uploads are written at once; a further one waits for its turn.
    pub uploads_max: usize,
    /// How many replicas may be arriving in pieces at once; a further one waits for its turn.
    pub receiving_max: usize,
    /// How many files are parsed at once for tags and covers. Each may take some 100 MB of memory
    /// at worst.
    pub tag_readers_max: usize,
    /// How long the parsing of one file may take before the file is refused.
    pub tag_deadline: Duration,
    /// How many audio files are kept open.
    pub open_files_max: usize,
    /// How many bytes of covers are kept in memory.
    pub cover_bytes_max: usize,
    /// How long a call waits for its turn before it ends in [`Error::Busy`](crate::Error::Busy).
    pub patience: Duration,
}

impl Default for LibraryConfig {
    fn default() -> LibraryConfig {
        LibraryConfig {
            audio: AudioPlace::default(),
            upload_bytes_max: 2 << 30,
            disk_reserve_bytes: 64 << 20,
            uploads_max: 64,
            receiving_max: 64,
            tag_readers_max: 4,
            tag_deadline: Duration::from_secs(10),
            open_files_max: 256,
            cover_bytes_max: 32 << 20,
            patience: Duration::from_secs(30),
        }
    }
}

/// Where a library has its audio. The database is always in its directory.
///
/// A directory is read and written by our own code, the data directory and any other alike: what
/// is in the machine's memory is then given on the calling thread, at the speed of a web server for
/// files. An object store is slower by a request for each piece, and larger than any machine.
///
/// ```
/// use kadenza_services::library::AudioPlace;
///
/// let place: AudioPlace = "file:///mnt/music".parse()?;
/// assert_eq!(place, AudioPlace::Directory("/mnt/music".into()));
/// assert!("music".parse::<AudioPlace>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AudioPlace {
    /// In the directory of the library.
    #[default]
    Data,
    /// In another directory, which this library has to itself.
    Directory(PathBuf),
    /// In an object store, `s3://bucket/prefix`; see [`AudioObjects`](crate::objects::AudioObjects).
    /// The prefix belongs to this library alone.
    #[cfg(feature = "objects")]
    Objects(crate::objects::StoreAddress),
}

impl FromStr for AudioPlace {
    type Err = String;

    /// Reads `file:///dir` and `s3://bucket/prefix`.
    fn from_str(address: &str) -> Result<AudioPlace, String> {
        if let Some(path) = address.strip_prefix("file://") {
            return match path.starts_with('/') {
                true => Ok(AudioPlace::Directory(path.into())),
                false => Err("a directory is named from the root, as in file:///mnt/music".into()),
            };
        }
        if address.starts_with("s3://") {
            return objects(address);
        }
        Err("expected file:///DIR or s3://BUCKET/PREFIX; without it, audio is in --data".into())
    }
}

#[cfg(feature = "objects")]
fn objects(address: &str) -> Result<AudioPlace, String> {
    let address = crate::objects::StoreAddress::from_environment(address);
    // What is wrong with it is told before anything is opened.
    match crate::objects::AudioObjects::at(&address) {
        Ok(_) => Ok(AudioPlace::Objects(address)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(feature = "objects"))]
fn objects(_: &str) -> Result<AudioPlace, String> {
    Err("this build knows no object store; build it with the feature `objects`".into())
}
