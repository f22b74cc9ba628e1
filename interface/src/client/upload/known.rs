//! Finds the files that need not be sent, because their songs are in the library already.
//!
//! Title, artist and album are in the file and identify the song, so its id is known before a byte
//! is sent. A file is left out only if the server says that it has the song. If the tags cannot be
//! read, or the server does not answer, the file is sent.

use std::path::Path;

use kadenza_contract::{Result, Song, Stated};
use kadenza_middleware::Client;

/// The song of a file, if it is there already.
///
/// # Errors
///
/// [`Error::Unreachable`](kadenza_contract::Error::Unreachable): then nothing can be sent either.
#[cfg(feature = "server")]
pub(super) async fn known(client: &Client, path: &Path, stated: &Stated) -> Result<Option<Song>> {
    use std::time::Duration;

    use kadenza_contract::{Error, MusicService};
    use kadenza_services::library::identify;

    /// Tags are read within 10 s, or not at all; a reader that only computes is left behind.
    const READING_MAX: Duration = Duration::from_secs(20);

    let (path, stated) = (path.to_owned(), stated.clone());
    let reading = tokio::task::spawn_blocking(move || identify(path, &stated));
    let Ok(Ok(Ok(id))) = tokio::time::timeout(READING_MAX, reading).await else {
        return Ok(None);
    };
    match client.song(&id).await {
        Err(error @ Error::Unreachable { .. }) => Err(error),
        answered => Ok(answered.unwrap_or(None)),
    }
}

/// A build without the library cannot read tags: everything is sent.
#[cfg(not(feature = "server"))]
pub(super) async fn known(_: &Client, _: &Path, _: &Stated) -> Result<Option<Song>> {
    Ok(None)
}
