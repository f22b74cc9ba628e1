//! What a file is, read before it is sent.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
    time::Duration,
};

use kadenza_contract::{CHUNK_BYTES, ChunkHasher, ContentHash, Error, Result, Stated, Tags};

/// Tags are read within 10 s, or not at all; a reader that only computes is left behind after this.
pub(super) const READING_MAX: Duration = Duration::from_secs(20);

/// The tags that the song in a file would have. `None` if they cannot be read. Waits for the disk.
#[cfg(feature = "server")]
pub(super) fn tags(path: &Path, stated: &Stated) -> Option<Tags> {
    kadenza_services::library::identify(path, stated).ok()
}

/// A build without the library cannot read tags.
#[cfg(not(feature = "server"))]
pub(super) fn tags(_: &Path, _: &Stated) -> Option<Tags> {
    None
}

/// Makes sure that a file of so many bytes begins as audio, and goes back to its beginning. Waits for the disk.
///
/// # Errors
///
/// [`Error::NotAudio`] as by an upload.
pub(super) fn begins_as_audio(mut file: impl Read + Seek + Send, len: u64) -> Result<()> {
    let refused = |what: &str| Error::NotAudio {
        what: what.to_owned(),
    };
    if len == 0 {
        return Err(refused("the file is empty"));
    }
    recognise(&mut file)?;
    file.rewind()
        .map_err(|error: io::Error| refused(&format!("it cannot be read: {error}")))
}

#[cfg(feature = "server")]
fn recognise(file: impl Read + Seek + Send) -> Result<()> {
    kadenza_services::library::recognise(file)
}

/// A build without the library knows the signs of formats, and no music behind junk.
#[cfg(not(feature = "server"))]
fn recognise(file: impl Read + Seek + Send) -> Result<()> {
    super::signs::recognise(file)
}

/// The hash of the bytes of a file. `None` if they cannot be read. Waits for the disk.
pub(super) fn hash(path: &Path) -> Option<ContentHash> {
    let (mut file, mut piece) = (File::open(path).ok()?, vec![0; CHUNK_BYTES]);
    let mut hasher = ChunkHasher::new();
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(hasher.finish().0),
            read => hasher.update(&piece[..read]),
        }
    }
}
