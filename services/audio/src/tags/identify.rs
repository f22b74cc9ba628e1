//! What names a file's song, by the rules of an upload but without one.
//!
//! A client that is about to upload a folder again can ask for each song first, and send only those
//! that are missing.

use std::{
    fs::{self, File},
    path::Path,
    time::Instant,
};

use kadenza_contract::{Error, Result, Stated, Tags};

use super::{
    describe::{named, not_empty},
    tagged,
};
use crate::{config::IntakeConfig, disk::disk, file::Depth};

/// The tags that the song in a file would have if it were uploaded with what is stated.
///
/// Reads the tags alone, within the bounds of an upload (64 MiB, 10 s). Waits for the disk, so it
/// does not belong on a thread that runs tasks.
///
/// # Errors
///
/// [`Error::NotAudio`] and [`Error::NoTitle`] as by an upload, and [`Error::Storage`] if the file
/// cannot be opened. What is no regular file is [`Error::NotAudio`] too, and untouched.
pub fn identify(path: impl AsRef<Path>, stated: &Stated) -> Result<Tags> {
    identified(path.as_ref(), stated)
}

// Not generic, so that the parsers are compiled in this crate alone.
fn identified(path: &Path, stated: &Stated) -> Result<Tags> {
    let doing = "reading a file's tags";
    let meta = fs::metadata(path).map_err(disk(doing))?;
    // A pipe would be read, and then be empty for the upload.
    if !meta.is_file() {
        let what = "it is no regular file, and can be read only once".to_owned();
        return Err(Error::NotAudio { what });
    }
    not_empty(meta.len())?;
    let file = File::open(path).map_err(disk(doing))?;
    let deadline = Instant::now() + IntakeConfig::default().tag_deadline;
    let tagged = tagged::read(file, Depth::Tags, deadline)?;
    Ok(named(&tagged, stated)?.0)
}
