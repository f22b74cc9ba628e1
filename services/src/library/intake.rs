//! What every library on this floor does with a file from a stranger: take it in, read it, with
//! bounds on how many at once, how large and how long.
//!
//! [`Library`](super::Library) and a library on a server share this room. Where the song goes from
//! here is theirs to know.

use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
    sync::Arc,
    time::Instant,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    config::LibraryConfig,
    cover,
    covers::Covers,
    directory::Directory,
    failing::{disk, off_thread, said},
    spool::{Spooled, spool},
    staged::{describe, not_empty},
    tagged::{self, Tagged},
};
use crate::{Artwork, Chunks, ContentHash, Error, NewSong, PIXELS_MAX, Result, Song};

/// The taking in of files, with a directory for those under way.
#[derive(Debug)]
pub(crate) struct Intake {
    config: LibraryConfig,
    directory: Arc<Directory>,
    uploads: Arc<Semaphore>,
    tag_readers: Arc<Semaphore>,
    covers: Arc<Covers>,
}

/// A song that came in, and its audio in a temporary file. Dropping it leaves nothing.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) song: Song,
    spooled: Spooled,
    _turn: OwnedSemaphorePermit,
}

impl Arrived {
    /// The audio, as it was uploaded.
    pub(crate) fn file(&self) -> &File {
        self.spooled.file.file()
    }

    /// The hashes of its pieces.
    pub(crate) fn chunks(&self) -> &Chunks {
        &self.spooled.chunks
    }
}

impl Intake {
    /// An intake over a directory that holds nothing else, made if there is none. What a crash left
    /// there is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if another process has it, or the disk fails.
    pub(crate) async fn open(scratch: &Path, config: LibraryConfig) -> Result<Intake> {
        let scratch = scratch.to_owned();
        let directory = off_thread("opening the directory for uploads", move || {
            let directory = Directory::scratch(&scratch)?;
            directory.settle(|_| false)?;
            Ok(directory)
        });
        Ok(Intake {
            directory: Arc::new(directory.await?),
            uploads: Arc::new(Semaphore::new(config.uploads_max)),
            tag_readers: Arc::new(Semaphore::new(config.tag_readers_max)),
            covers: Arc::new(Covers::new(config.cover_bytes_max)),
            config,
        })
    }

    /// Takes an upload in: writes it to a temporary file, hashes it, and reads its tags.
    ///
    /// # Errors
    ///
    /// Those of [`MusicService::upload`](crate::MusicService::upload). Nothing changed.
    pub(crate) async fn take(&self, new: NewSong) -> Result<Arrived> {
        let turn = turn(&self.uploads, &self.config).await?;
        let NewSong { stated, audio } = new;
        let spooled = spool(&self.directory, &self.config, audio).await?;
        let (tagged, spooled) = read_tags(&self.tag_readers, &self.config, spooled).await?;
        let song = describe(&tagged, &stated, &spooled.chunks)?;
        if let Some(picture) = tagged.picture {
            self.covers.has(spooled.chunks.content(), picture);
        }
        Ok(Arrived {
            song,
            spooled,
            _turn: turn,
        })
    }

    /// The cover in an audio file, its longer edge scaled down to at most `size` pixels; from memory
    /// where it was asked for just before.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the size is 0, [`Error::Busy`], [`Error::Damaged`], and what reading
    /// the file gives.
    pub(crate) async fn cover<R: Read + Seek + Send + 'static>(
        &self,
        content: &ContentHash,
        size: Option<u32>,
        open: impl FnOnce() -> R,
    ) -> Result<Option<Artwork>> {
        let size = size.map(|size| size.min(PIXELS_MAX));
        if let Some(artwork) = self.covers.of(content, size) {
            return Ok(Some(artwork));
        }
        let (file, content, covers) = (open(), *content, Arc::clone(&self.covers));
        parse(&self.tag_readers, &self.config, move |deadline| {
            cover_in(file, &content, size, &covers, deadline)
        })
        .await
    }
}

/// Reads the tags of an upload.
pub(super) async fn read_tags(
    readers: &Arc<Semaphore>,
    config: &LibraryConfig,
    spooled: Spooled,
) -> Result<(Tagged, Spooled)> {
    not_empty(spooled.chunks.size())?;
    parse(readers, config, move |deadline: Instant| {
        let mut file = spooled.file.file();
        file.rewind().map_err(disk("reading an upload"))?;
        let tagged = tagged::read(file, deadline)?;
        Ok((tagged, spooled))
    })
    .await
}

/// The cover in a file, in the size that is asked for; what was scaled for another song is taken
/// from memory. Waits for the disk.
pub(super) fn cover_in(
    file: impl Read + Seek,
    content: &ContentHash,
    size: Option<u32>,
    covers: &Covers,
    deadline: Instant,
) -> Result<Option<Artwork>> {
    let Some(bytes) = tagged::read_cover(file, deadline)? else {
        return Ok(None);
    };
    let picture = ContentHash::of(&bytes);
    covers.has(*content, picture);
    if let Some(artwork) = covers.scaled(&picture, size) {
        return Ok(Some(artwork));
    }
    let artwork = match size {
        Some(size) => Some(cover::scaled(bytes, size)?),
        None => cover::original(bytes),
    };
    if let Some(artwork) = &artwork {
        covers.made(picture, size, artwork);
    }
    Ok(artwork)
}

/// Parses a file from a stranger: when it is its turn, off this thread, until a deadline.
pub(super) async fn parse<T: Send + 'static>(
    readers: &Arc<Semaphore>,
    config: &LibraryConfig,
    work: impl FnOnce(Instant) -> Result<T> + Send + 'static,
) -> Result<T> {
    let turn = turn(readers, config).await?;
    let limit = config.tag_deadline;
    let parsing = off_thread("reading tags", move || {
        // A parser that hangs keeps its turn: that bounds how many can hang.
        let _turn = turn;
        work(Instant::now() + limit)
    });
    // The parser notices the deadline when it reads; one that only computes is left behind.
    match tokio::time::timeout(limit * 2, parsing).await {
        Ok(parsed) => parsed,
        Err(_) => Err(Error::NotAudio {
            what: "reading its tags takes too long".into(),
        }),
    }
}

/// Waits for a turn, as long as the configuration says.
pub(super) async fn turn(
    turns: &Arc<Semaphore>,
    config: &LibraryConfig,
) -> Result<OwnedSemaphorePermit> {
    let turn = Arc::clone(turns).acquire_owned();
    match tokio::time::timeout(config.patience, turn).await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) => Err(Error::storage("waiting for a turn")(said("it is closed"))),
        Err(_) => Err(Error::Busy),
    }
}

/// Refuses a size that no cover can have.
pub(crate) fn check_size(size: Option<u32>) -> Result<()> {
    if size == Some(0) {
        return Err(Error::Invalid {
            what: format!("the size of a cover is from 1 to {PIXELS_MAX} pixels"),
        });
    }
    Ok(())
}
