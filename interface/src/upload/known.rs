//! Which files need not be sent, because their songs are there already.
//!
//! A song is the same song by its title, artist and album, and these are in the file: so its id is
//! known before a byte is sent. Only a yes of the server counts. Whatever stands in the way (tags
//! that cannot be read, a server that does not answer), the file is sent and the server judges it.

use std::path::Path;

use kadenza_middleware::Client;
use kadenza_services::{Song, Stated};

/// The song of a file, if it is there already.
#[cfg(feature = "server")]
pub(super) async fn known(client: &Client, path: &Path, stated: &Stated) -> Option<Song> {
    use kadenza_services::{MusicService, library::identify};
    use std::time::Duration;

    /// Tags are read within 10 s, or not at all; a reader that only computes is left behind.
    const READING_MAX: Duration = Duration::from_secs(20);

    let (path, stated) = (path.to_owned(), stated.clone());
    let reading = tokio::task::spawn_blocking(move || identify(path, &stated));
    let id = tokio::time::timeout(READING_MAX, reading).await.ok()?;
    let id = id.ok()?.ok()?;
    client.song(&id).await.ok()?
}

/// A build without the library cannot read tags: everything is sent.
#[cfg(not(feature = "server"))]
pub(super) async fn known(_: &Client, _: &Path, _: &Stated) -> Option<Song> {
    None
}
