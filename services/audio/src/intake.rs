//! The intake of files from strangers, which every library shares: writing them down and reading their
//! tags and covers, with bounds on how many at once, how large and how long.
//!
//! Which library the song then becomes part of is not known here.

use std::{
    fs::File,
    future::Future,
    io::{Cursor, Read, Seek},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use kadenza_contract::{
    Artwork, Chunks, ContentHash, Error, FromPath, Lyrics, NewSong, PIXELS_MAX, Recording, Result,
    Song,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    config::IntakeConfig,
    covers::{self, Covers, Decoded, Known},
    disk::{disk, off_thread},
    incoming::{Incoming, lock},
    reading::{Answer, Failure, Job, Readers},
    spool::{SpooledAudio, begun, spool},
    tags::{Described, READER, describe, not_empty, renewed},
    turns::take_turn,
};

/// How many uploads may be at their beginning, each with up to a mebibyte in memory.
const BEGINNINGS_MAX: usize = 512;
/// How many requests for covers wait while others are read: more than the players of a home ask for at once. One
/// that waits holds a connection and nothing else.
const COVERS_WAITING_MAX: usize = 128;
/// How many covers are scaled at once, each of which takes up to 100 MB for a moment.
const SCALINGS_MAX: usize = 2;

/// The intake of files, with a folder for those under way.
#[derive(Debug)]
pub struct Intake {
    config: IntakeConfig,
    incoming: Arc<Incoming>,
    uploads: Arc<Semaphore>,
    /// Uploads whose first bytes are waited for; further ones are refused.
    beginnings: Semaphore,
    /// Those of uploads do not wait for those of covers.
    of_uploads: Readers,
    of_audio: Readers,
    covers: Arc<Covers>,
    /// How many covers are asked for that are not remembered; further ones are refused.
    cover_queue: Semaphore,
    /// How many of them are read, each of which holds a picture.
    cover_turns: Arc<Semaphore>,
    /// How many are scaled, each of which holds what it scales several times.
    scalings: Arc<Semaphore>,
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
        let [of_uploads, of_audio] = Readers::two(&config);
        Intake {
            incoming,
            uploads: Arc::new(Semaphore::new(config.uploads_max)),
            beginnings: Semaphore::new(BEGINNINGS_MAX),
            of_uploads,
            of_audio,
            covers: Arc::new(Covers::new(config.cover_bytes_max)),
            cover_queue: Semaphore::new(COVERS_WAITING_MAX),
            cover_turns: Arc::new(Semaphore::new(config.tag_readers_max)),
            scalings: Arc::new(Semaphore::new(SCALINGS_MAX)),
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

    /// Takes an upload in: writes it to a temporary file, hashes it, and reads its tags. It takes its turn once its
    /// first mebibyte is there: whoever sends nothing holds up nobody.
    ///
    /// # Errors
    ///
    /// Those of [`MusicService::upload`](kadenza_contract::MusicService::upload). Nothing changed.
    pub async fn take(&self, new: NewSong) -> Result<IncomingSong> {
        let NewSong { stated, audio } = new;
        let audio = {
            let _place = self.beginnings.try_acquire().map_err(|_| Error::Busy)?;
            begun(audio).await?
        };
        let turn = take_turn(&self.uploads, self.config.patience).await?;
        let audio = spool(&self.incoming, &self.config, audio).await?;
        not_empty(audio.chunks.size())?;
        let (tagged, audio) = self.of_uploads.describe(audio).await?;
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
    /// where it was asked for just before. `None` if the file is not there, or has no cover that can be
    /// decoded. The file is opened only if it has to be read, and a picture is decoded once for all sizes
    /// that are asked for together.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], and those of opening and reading the file.
    pub async fn cover<R: Read + Seek + Send + 'static>(
        &self,
        content: &ContentHash,
        size: Option<u32>,
        open: impl Future<Output = Result<Option<R>>>,
    ) -> Result<Option<Artwork>> {
        let size = size.map(|size| size.min(PIXELS_MAX));
        let known = |known| match known {
            Known::Cover(artwork) => Some(Some(artwork)),
            Known::Broken => Some(None),
            Known::Nothing => None,
        };
        if let Some(known) = known(self.covers.of(content, size)) {
            return Ok(known);
        }
        let _place = self.cover_queue.try_acquire().map_err(|_| Error::Busy)?;
        let _turn = take_turn(&self.cover_turns, self.config.patience).await?;
        let alone_with = self.covers.picture(content).unwrap_or(*content);
        let _alone = self.alone(alone_with).await?;
        if let Some(known) = known(self.covers.of(content, size)) {
            return Ok(known);
        }
        let Some(file) = open.await? else {
            return Ok(None);
        };
        let bytes: Bytes = match self.of_audio.read(Job::Cover, file).await?.0 {
            Ok(Answer::Cover(Some(bytes))) => bytes.into(),
            Ok(Answer::Cover(None)) => return Ok(None),
            Err(Failure::Refused(what)) => return Err(Error::NotAudio { what }),
            Ok(_) | Err(Failure::Bounds) => {
                self.covers.broke(*content);
                return Ok(None);
            }
        };
        let picture = ContentHash::of(&bytes);
        self.covers.has(*content, picture);
        // Other songs may have the same picture.
        let _alone_too = match alone_with == picture {
            true => None,
            false => Some(self.alone(picture).await?),
        };
        if let Some(known) = known(self.covers.of(content, size)) {
            return Ok(known);
        }
        let artwork = match size {
            Some(size) if !covers::is_kept(&bytes) => match self.decoded(picture, &bytes).await? {
                Some(Decoded::Pixels(pixels)) => {
                    let turn = take_turn(&self.scalings, self.config.patience).await?;
                    let scaling = move || {
                        let _turn = turn;
                        Ok(pixels.scaled(size, &bytes))
                    };
                    off_thread("scaling a cover", scaling).await?
                }
                Some(Decoded::AsIs) => covers::original(bytes),
                None => return Ok(None),
            },
            _ => covers::original(bytes),
        };
        if let Some(artwork) = &artwork {
            self.covers.made(picture, size, artwork);
        }
        Ok(artwork)
    }

    /// Waits until nobody else reads this song or picture.
    async fn alone(&self, with: ContentHash) -> Result<OwnedSemaphorePermit> {
        take_turn(&self.covers.turns(with), self.config.patience).await
    }

    /// The pixels of a picture. `None` if it cannot be decoded.
    async fn decoded(&self, picture: ContentHash, bytes: &Bytes) -> Result<Option<Decoded>> {
        if let Some(pixels) = self.covers.decoded(&picture) {
            return Ok(Some(Decoded::Pixels(pixels)));
        }
        let decoding = self.of_audio.read(Job::Decode, Cursor::new(bytes.clone()));
        match decoding.await?.0 {
            Ok(Answer::Picture(decoded)) => {
                if let Decoded::Pixels(pixels) = &decoded {
                    self.covers.has_pixels(picture, pixels);
                }
                Ok(Some(decoded))
            }
            failed => {
                tracing::debug!(%picture, ?failed, "a cover cannot be decoded");
                self.covers.broke(picture);
                Ok(None)
            }
        }
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
        match self.of_audio.read(Job::Lyrics, file).await?.0 {
            Ok(Answer::Lyrics(text)) => Ok(text.as_deref().and_then(Lyrics::of)),
            Err(Failure::Refused(what)) => Err(Error::NotAudio { what }),
            Ok(_) | Err(Failure::Bounds) => Ok(None),
        }
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
        let (tagged, _) = self.of_audio.describe(file).await?;
        Ok(Some(renewed(known, &tagged)))
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Four sizes of a cover that nothing can decode are asked for at once, and then another one. It was decoded
    /// for each.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_broken_cover_is_read_once_for_all_sizes() {
        let edge = 10_000u32.to_le_bytes();
        let picture = [
            &b"BM"[..],
            &[0; 8],
            b"\x36\0\0\0\x28\0\0\0",
            &edge,
            &edge,
            b"\x01\0\x18\0",
            &[0; 24],
        ];
        let frame = [&b"\0image/bmp\0\x03\0"[..], &picture.concat()].concat();
        let len = frame.len() as u8;
        let tag = [
            b"ID3\x04\0\0\0\0\0",
            &[len + 10][..],
            b"APIC\0\0\0",
            &[len],
            b"\0\0",
            &frame,
        ];
        let mut silence = vec![0xff, 0xfb, 0x90, 0];
        silence.resize(417, 0);
        let file = Bytes::from([tag.concat(), silence.repeat(10)].concat());

        let scratch = tempfile::tempdir().unwrap();
        let intake = Intake::open(scratch.path(), IntakeConfig::default())
            .await
            .unwrap();
        let opened = AtomicUsize::new(0);
        let content = ContentHash::of(&file);
        let cover = |size| {
            let open = async {
                opened.fetch_add(1, Ordering::SeqCst);
                Ok(Some(Cursor::new(file.clone())))
            };
            intake.cover(&content, size, open)
        };
        let covers = [64, 128, 300, 600].map(|size| cover(Some(size)));
        for cover in futures_util::future::join_all(covers).await {
            assert_eq!(cover.unwrap(), None);
        }
        assert_eq!(cover(Some(65)).await.unwrap(), None);
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        // As it is, it is still given.
        assert_eq!(
            cover(None).await.unwrap().unwrap().content_type,
            "image/bmp"
        );
    }
}
