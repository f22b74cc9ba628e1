//! Finds the files that need not be sent, because the library has them already.
//!
//! Title, artist and album are in the file and identify the song, and the hash of its bytes the recording,
//! so both are known before a byte is sent. A file is left out only if the server says that the song has this
//! very audio on as many machines as must hold it. If the tags cannot be read, or the server does not answer, the file is sent.

use std::path::Path;

use kadenza_contract::{Result, Song, Stated};
use kadenza_middleware::Client;

/// The song of a file, if it is there already with this very audio.
///
/// # Errors
///
/// [`Error::Unreachable`](kadenza_contract::Error::Unreachable): then nothing can be sent either.
#[cfg(feature = "server")]
pub(super) async fn known(client: &Client, path: &Path, stated: &Stated) -> Result<Option<Song>> {
    use std::{
        fs::File,
        io::{self, Read},
        time::Duration,
    };

    use kadenza_contract::{CHUNK_BYTES, ChunkHasher, Error, MusicService};
    use kadenza_services::library::identify;

    /// Tags are read within 10 s, or not at all; a reader that only computes is left behind.
    const READING_MAX: Duration = Duration::from_secs(20);

    let (file, stated) = (path.to_owned(), stated.clone());
    let reading = tokio::task::spawn_blocking(move || identify(file, &stated));
    let Ok(Ok(Ok(id))) = tokio::time::timeout(READING_MAX, reading).await else {
        return Ok(None);
    };
    let song = match client.song(&id).await {
        Err(error @ Error::Unreachable { .. }) => return Err(error),
        Ok(Some(song)) => song,
        Ok(None) | Err(_) => return Ok(None),
    };
    let size = tokio::fs::metadata(path).await.map_or(0, |meta| meta.len());
    if !song.recordings().iter().any(|known| known.size == size) {
        return Ok(None);
    }
    // Only a file that may be known is read to its end.
    let file = path.to_owned();
    let hashing = tokio::task::spawn_blocking(move || {
        let (mut file, mut piece) = (File::open(file)?, vec![0; CHUNK_BYTES]);
        let mut hasher = ChunkHasher::new();
        loop {
            match file.read(&mut piece)? {
                0 => return io::Result::Ok(hasher.finish().0),
                read => hasher.update(&piece[..read]),
            }
        }
    });
    let Ok(Ok(content)) = hashing.await else {
        return Ok(None);
    };
    // A copy on one machine may be what an upload left that failed: then it is completed.
    match client.copies(&id).await {
        Err(error @ Error::Unreachable { .. }) => Err(error),
        Ok(Some(copies)) if copies.is_durable(&content) => Ok(Some(song)),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// A build without the library cannot read tags: everything is sent.
#[cfg(not(feature = "server"))]
pub(super) async fn known(_: &Client, _: &Path, _: &Stated) -> Result<Option<Song>> {
    Ok(None)
}
