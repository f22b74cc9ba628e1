//! The marker of a directory of audio: a file that names the library to which the audio belongs.
//!
//! A disk that is not mounted looks like an empty directory. Without the marker it is not taken for
//! one: nothing is written there, and audio that is not found there is not taken for lost.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use kadenza_audio::{disk, said};
use kadenza_contract::{ContentHash, Error, Result};

/// The library whose audio a directory must have.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// The name of the library, in hexadecimal.
    pub(crate) library: String,
    /// Some audio that its database knows; none only if it knows none.
    pub(crate) some: Vec<ContentHash>,
    /// Whether the person who starts it says that the audio is lost.
    pub(crate) is_lost: bool,
}

const CHECKING: &str = "looking for the marker of the audio directory";

/// Makes sure that a directory may be the one of a library: it has its marker, or, where programs of
/// before wrote none, some of its audio, or the library has no audio. Waits for the disk.
///
/// # Errors
///
/// [`Error::Invalid`] if it is not; [`Error::Storage`].
pub(crate) fn check(audio: &Path, owner: &Owner) -> Result<()> {
    match fs::read_to_string(path(audio)) {
        Ok(named) if named.trim() == owner.library => Ok(()),
        Ok(named) => Err(Error::Invalid {
            what: format!(
                "{} has the audio of another library ({}), and this one is {}: give each library \
                 an audio directory of its own",
                audio.display(),
                named.trim(),
                owner.library
            ),
        }),
        Err(error) if is_absent(&error) => {
            let is_there = |content: &ContentHash| file(audio, content).exists();
            if owner.is_lost || owner.some.is_empty() || owner.some.iter().any(is_there) {
                return Ok(());
            }
            Err(Error::Invalid {
                what: format!(
                    "the audio of this library is not in {}: mount its disk, or give the directory \
                     where it is (`--audio`). If it is lost, start once with `--audio-lost`: then \
                     other machines bring what they have, and uploading a song again brings it back",
                    audio.display()
                ),
            })
        }
        Err(error) => Err(disk(CHECKING)(error)),
    }
}

/// Makes sure that a directory that was the one of a library still is. Waits for the disk.
///
/// # Errors
///
/// [`Error::Storage`] if it is not.
pub(crate) fn check_still(audio: &Path, library: &str) -> Result<()> {
    match fs::read_to_string(path(audio)) {
        Ok(named) if named.trim() == library => Ok(()),
        Err(error) if !is_absent(&error) => Err(disk(CHECKING)(error)),
        _ => Err(Error::storage("reading audio")(said(format!(
            "the audio directory {} went away: mount its disk again",
            audio.display()
        )))),
    }
}

/// Writes the marker, whole or not at all. The caller syncs the directory. Waits for the disk.
pub(crate) fn write(audio: &Path, library: &str) -> io::Result<()> {
    let new = audio.join("library.new");
    let mut file = File::create(&new)?;
    writeln!(file, "{library}")?;
    file.sync_all()?;
    fs::rename(new, path(audio))
}

/// Where audio is in a directory of audio.
pub(crate) fn file(audio: &Path, content: &ContentHash) -> PathBuf {
    let name = content.to_string();
    let (folder, rest) = name.split_at(2);
    audio.join(folder).join(rest)
}

fn path(audio: &Path) -> PathBuf {
    audio.join("library")
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
