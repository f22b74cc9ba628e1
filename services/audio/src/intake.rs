//! The intake of files from strangers, which every library shares: writing them down and reading their
//! tags and covers, with bounds on how many at once, how large and how long.
//!
//! Which library the song then becomes part of is not known here.

use std::{
    fs::File,
    future::Future,
    io::{Read, Seek},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use kadenza_contract::{
    Artwork, Chunks, ContentHash, Error, FromPath, Lyrics, NewSong, PIXELS_MAX, Recording, Result,
    Song,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    config::IntakeConfig,
    covers::{self, Covers},
    disk::{disk, off_thread, said},
    file::Depth,
    incoming::{Incoming, lock},
    spool::{SpooledAudio, spool},
    tags::{self, Described, READER, Tagged, describe, not_empty, renewed},
};

/// The intake of files, with a folder for those under way.
#[derive(Debug)]
pub struct Intake {
    config: IntakeConfig,
    incoming: Arc<Incoming>,
    uploads: Arc<Semaphore>,
    tag_readers: Arc<Semaphore>,
    covers: Arc<Covers>,
    /// Keeps other processes out of a scratch directory.
    _lock: Option<File>,
}

/// A song that came in, and its audio in a temporary file. It counts as an upload under way until it is
/// dropped. Dropping it leaves nothing.
#[derive(Debug)]
pub struct IncomingSong {
    song: Song,
    from_path: FromPath,
    earlier: Option<Song>,
    audio: SpooledAudio,
    turn: OwnedSemaphorePermit,
}

impl IncomingSong {
    /// The song, with the one recording that was uploaded.
    #[must_use]
    pub fn song(&self) -> &Song {
        &self.song
    }

    /// The names of the song that were taken from the path of the upload.
    #[must_use]
    pub fn from_path(&self) -> FromPath {
        self.from_path
    }

    /// The same song as a library may know it whose reader gave only the first of several artists: where
    /// that song is [an earlier form](Song::is_earlier_form_of) of this one, the upload belongs to it.
    #[must_use]
    pub fn earlier(&self) -> Option<&Song> {
        self.earlier.as_ref()
    }

    /// The audio, as it was uploaded.
    #[must_use]
    pub fn file(&self) -> &File {
        self.audio.file.file()
    }

    /// The hashes of its chunks.
    #[must_use]
    pub fn chunks(&self) -> &Arc<Chunks> {
        &self.audio.chunks
    }

    /// The song and its audio, and the turn of an upload, to be dropped when the upload has ended.
    pub fn into_parts(self) -> (Song, SpooledAudio, OwnedSemaphorePermit) {
        (self.song, self.audio, self.turn)
    }
}

impl Intake {
    /// An intake over a folder that its owner has to itself.
    #[must_use]
    pub fn over(incoming: Arc<Incoming>, config: IntakeConfig) -> Intake {
        Intake {
            incoming,
            uploads: Arc::new(Semaphore::new(config.uploads_max)),
            tag_readers: Arc::new(Semaphore::new(config.tag_readers_max)),
            covers: Arc::new(Covers::new(config.cover_bytes_max)),
            config,
            _lock: None,
        }
    }

    /// An intake over a scratch directory that holds nothing else, made if there is none. Files that a
    /// crash left there are removed.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if another process has it, or the disk fails.
    pub async fn open(scratch: &Path, config: IntakeConfig) -> Result<Intake> {
        let scratch = scratch.to_owned();
        let opening = off_thread("opening the directory for uploads", move || {
            std::fs::create_dir_all(&scratch).map_err(disk("making the data directory"))?;
            let lock = lock(&scratch.join("lock"))?;
            let incoming = Incoming::open(scratch.join("incoming"))?;
            let doing = "clearing up after the last run";
            for (path, _) in incoming.files()? {
                std::fs::remove_file(path).map_err(disk(doing))?;
            }
            incoming.sync().map_err(disk(doing))?;
            Ok((lock, incoming))
        });
        let (lock, incoming) = opening.await?;
        Ok(Intake {
            _lock: Some(lock),
            ..Intake::over(Arc::new(incoming), config)
        })
    }

    /// Takes an upload in: writes it to a temporary file, hashes it, and reads its tags.
    ///
    /// # Errors
    ///
    /// Those of [`MusicService::upload`](kadenza_contract::MusicService::upload). Nothing changed.
    pub async fn take(&self, new: NewSong) -> Result<IncomingSong> {
        let turn = take_turn(&self.uploads, self.config.patience).await?;
        let NewSong { stated, audio } = new;
        let audio = spool(&self.incoming, &self.config, audio).await?;
        let (tagged, audio) = self.read_tags(audio).await?;
        let Described {
            song,
            from_path,
            earlier,
        } = describe(&tagged, &stated, &audio.chunks)?;
        if let Some(picture) = tagged.picture {
            self.covers.has(audio.chunks.content(), picture);
        }
        Ok(IncomingSong {
            song,
            from_path,
            earlier,
            audio,
            turn,
        })
    }

    /// The cover in an audio file, its longer edge scaled down to at most `size` pixels; from memory
    /// where it was asked for just before. `None` if the file is not there or has no cover. The file is
    /// opened only if it has to be read.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Damaged`], and those of opening and reading the file.
    pub async fn cover<R: Read + Seek + Send + 'static>(
        &self,
        content: &ContentHash,
        size: Option<u32>,
        open: impl Future<Output = Result<Option<R>>>,
    ) -> Result<Option<Artwork>> {
        let size = size.map(|size| size.min(PIXELS_MAX));
        if let Some(artwork) = self.covers.of(content, size) {
            return Ok(Some(artwork));
        }
        let Some(file) = open.await? else {
            return Ok(None);
        };
        let (content, covers) = (*content, Arc::clone(&self.covers));
        self.parse(move |deadline| cover_in(file, &content, size, &covers, deadline))
            .await
    }

    /// The lyrics in an audio file. `None` if the file is not there or has none.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], and those of opening and reading the file.
    pub async fn lyrics<R: Read + Seek + Send + 'static>(
        &self,
        open: impl Future<Output = Result<Option<R>>>,
    ) -> Result<Option<Lyrics>> {
        let Some(file) = open.await? else {
            return Ok(None);
        };
        self.parse(move |deadline| tags::read_lyrics(file, deadline))
            .await
    }

    /// A recording that an earlier reader described, as this one describes the same audio. `None` if this reader
    /// knows no more, or the audio is not there.
    ///
    /// # Errors
    ///
    /// [`Error::NotAudio`], [`Error::Busy`], and those of opening and reading the file.
    pub async fn renewed<R: Read + Seek + Send + 'static>(
        &self,
        known: &Recording,
        open: impl Future<Output = Result<Option<R>>>,
    ) -> Result<Option<Recording>> {
        if known.reader >= READER {
            return Ok(None);
        }
        let Some(file) = open.await? else {
            return Ok(None);
        };
        let tagged = self.parse(move |deadline| tags::read(file, Depth::Audio, deadline));
        Ok(Some(renewed(known, &tagged.await?)))
    }

    async fn read_tags(&self, audio: SpooledAudio) -> Result<(Tagged, SpooledAudio)> {
        not_empty(audio.chunks.size())?;
        self.parse(move |deadline: Instant| {
            let mut file = audio.file.file();
            file.rewind().map_err(disk("reading an upload"))?;
            let tagged = tags::read(file, Depth::Audio, deadline)?;
            Ok((tagged, audio))
        })
        .await
    }

    /// Parses a file from a stranger: when it is its turn, off this thread, until a deadline.
    async fn parse<T: Send + 'static>(
        &self,
        work: impl FnOnce(Instant) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = take_turn(&self.tag_readers, self.config.patience).await?;
        let limit = self.config.tag_deadline;
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
}

/// The cover in a file, in the size that is asked for; a picture that was scaled for another song is
/// taken from memory. Waits for the disk.
fn cover_in(
    file: impl Read + Seek + Send,
    content: &ContentHash,
    size: Option<u32>,
    covers: &Covers,
    deadline: Instant,
) -> Result<Option<Artwork>> {
    let Some(bytes) = tags::read_cover(file, deadline)? else {
        return Ok(None);
    };
    let picture = ContentHash::of(&bytes);
    covers.has(*content, picture);
    if let Some(artwork) = covers.scaled(&picture, size) {
        return Ok(Some(artwork));
    }
    let artwork = match size {
        Some(size) => Some(covers::scaled(bytes, size)?),
        None => covers::original(bytes),
    };
    if let Some(artwork) = &artwork {
        covers.made(picture, size, artwork);
    }
    Ok(artwork)
}

/// Waits for a turn.
///
/// # Errors
///
/// [`Error::Busy`] after `patience`.
pub async fn take_turn(turns: &Arc<Semaphore>, patience: Duration) -> Result<OwnedSemaphorePermit> {
    let turn = Arc::clone(turns).acquire_owned();
    match tokio::time::timeout(patience, turn).await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) => Err(Error::storage("waiting for a turn")(said("it is closed"))),
        Err(_) => Err(Error::Busy),
    }
}

/// Refuses a size that no cover can have.
///
/// # Errors
///
/// [`Error::Invalid`] if it is 0.
pub fn check_size(size: Option<u32>) -> Result<()> {
    if size == Some(0) {
        return Err(Error::Invalid {
            what: format!("the size of a cover is from 1 to {PIXELS_MAX} pixels"),
        });
    }
    Ok(())
}
