//! Finds the files that need not be sent, because the library has them already.
//!
//! Title, artist and album are in the file and identify the song, and the hash of its bytes the recording,
//! so both are known before a byte is sent. A file is left out only if the server says that the song has this
//! very audio on as many machines as must hold it. If the tags cannot be read, or the server does not answer,
//! the file is sent.

use std::path::Path;

use kadenza_contract::{Error, MusicService, Result, Song, Stated};
use kadenza_middleware::Client;
use tokio::{task::spawn_blocking, time::timeout};

use super::reading::{self, READING_MAX};

/// The song of a file, if it is there already with this very audio.
///
/// # Errors
///
/// [`Error::Unreachable`]: then nothing can be sent either.
pub(super) async fn known(client: &Client, path: &Path, stated: &Stated) -> Result<Option<Song>> {
    let (file, of_it) = (path.to_owned(), stated.clone());
    let tags = spawn_blocking(move || reading::tags(&file, &of_it));
    let Ok(Ok(Some(tags))) = timeout(READING_MAX, tags).await else {
        return Ok(None);
    };
    let mut song = answered(client.song(&tags.song_id()).await)?;
    if song.is_none()
        // As a server does with the upload: nobody could state several artists then.
        && let Some(earlier) = tags.as_first_artist().filter(|_| stated.artists.is_empty())
    {
        let found = answered(client.song(&earlier.song_id()).await)?;
        song = found.filter(|song| song.is_earlier_form_of(&tags));
    }
    let Some(song) = song else {
        return Ok(None);
    };
    let size = tokio::fs::metadata(path).await.map_or(0, |meta| meta.len());
    if !song.recordings().iter().any(|known| known.size == size) {
        return Ok(None);
    }
    // Only a file that may be known is read to its end.
    let file = path.to_owned();
    let Ok(Some(content)) = spawn_blocking(move || reading::hash(&file)).await else {
        return Ok(None);
    };
    // A copy on one machine may be what an upload left that failed: then it is completed.
    let copies = answered(client.copies(&song.id()).await)?;
    let is_durable = copies.is_some_and(|copies| copies.is_durable(&content));
    Ok(is_durable.then_some(song))
}

/// What a server found; nothing where it failed, since then the file is sent.
fn answered<T>(answer: Result<Option<T>>) -> Result<Option<T>> {
    match answer {
        Err(error @ Error::Unreachable { .. }) => Err(error),
        Err(_) => Ok(None),
        found => found,
    }
}
