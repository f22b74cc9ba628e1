//! An upload that is here, whole and read, but not in the library yet.

use std::{os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use kadenza_audio::{IncomingSong, disk, off_thread};
use kadenza_contract::{Chunks, Error, FromPath, NewSong, Outcome, Result, Song, Upload};

use crate::{
    library::Library,
    storage::SONG_BYTES,
    writer::{Change, ChangeOutcome},
};

/// An upload whose song is known, and whose audio is in a temporary file. It counts as an upload under
/// way until it is committed or dropped. Dropping it leaves nothing.
#[derive(Debug)]
pub struct Staged {
    library: Library,
    incoming: IncomingSong,
}

impl Library {
    /// Takes an upload in without adding it to the library: writes it to a temporary file, hashes
    /// it, and reads its tags.
    ///
    /// # Errors
    ///
    /// Those of [`MusicService::upload`](kadenza_contract::MusicService::upload). Nothing changed.
    pub async fn stage(&self, new: NewSong) -> Result<Staged> {
        Ok(Staged {
            library: self.clone(),
            incoming: self.had_room(self.inner.intake.take(new).await, SONG_BYTES)?,
        })
    }
}

impl Staged {
    /// The song, with the one recording that was uploaded.
    #[must_use]
    pub fn song(&self) -> &Song {
        self.incoming.song()
    }

    /// The names of the song that were taken from the path of the upload.
    #[must_use]
    pub fn from_path(&self) -> FromPath {
        self.incoming.from_path()
    }

    /// The same song as a library may know it whose reader gave only the first of several artists.
    #[must_use]
    pub fn earlier(&self) -> Option<&Song> {
        self.incoming.earlier()
    }

    /// The hashes of the chunks of its audio.
    #[must_use]
    pub fn chunks(&self) -> &Arc<Chunks> {
        self.incoming.chunks()
    }

    /// A chunk of its audio.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such chunk, [`Error::Storage`] if the disk fails.
    pub async fn read_chunk(&self, index: usize) -> Result<Bytes> {
        let chunks = self.incoming.chunks();
        if index >= chunks.len() {
            return Err(Error::Invalid {
                what: format!("there are {} pieces, from 0", chunks.len()),
            });
        }
        let doing = "reading an upload";
        let range = chunks.range_of(index);
        let file = self.incoming.file().try_clone().map_err(disk(doing))?;
        let buffers = &self.library.inner.buffers;
        let mut buffer = buffers.take((range.end - range.start) as usize);
        off_thread(doing, move || {
            file.read_exact_at(buffer.as_mut(), range.start)
                .map_err(disk(doing))?;
            let len = buffer.as_ref().len();
            Ok(buffer.into_bytes(len))
        })
        .await
    }

    /// Adds the song to the library, or its audio as another recording, unless this audio of it is here
    /// already. When this returns it is durable and found.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRecordings`], [`Error::Full`] and [`Error::Storage`].
    pub async fn commit(self) -> Result<Upload> {
        let Staged { library, incoming } = self;
        let from_path = incoming.from_path();
        let earlier = incoming.earlier().cloned();
        let (song, audio, _turn) = incoming.into_parts();
        let content = audio.chunks.content();
        if let Some(card) = library.inner.catalogue.card(&song.id())
            && card.held.contains(&content)
            && library.is_truly_held(&content).await?
        {
            return Ok(Upload {
                song: card.song.clone(),
                outcome: Outcome::AlreadyThere,
                from_path,
            });
        }
        let audio = library.inner.home.take(audio).await?;
        let change = Change::Upload(song, earlier, audio);
        match library.inner.writer.make(change).await? {
            ChangeOutcome::Uploaded(upload) => Ok(Upload {
                from_path,
                ..upload
            }),
            other @ (ChangeOutcome::Done | ChangeOutcome::NotHeld) => {
                unreachable!("an upload is answered as one, not {other:?}")
            }
        }
    }
}
