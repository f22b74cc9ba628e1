//! What a file is, read before it is sent.

use std::{fs::File, io::Read, path::Path, time::Duration};

use kadenza_contract::{CHUNK_BYTES, ChunkHasher, ContentHash, Stated, Tags};

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
