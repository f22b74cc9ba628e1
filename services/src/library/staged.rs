//! An upload that is here, whole and read, but not in the library yet.

use std::{os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Library,
    failing::{disk, off_thread},
    intake::read_tags,
    spool::{Spooled, spool},
    tagged::Tagged,
    writer::{Change, Settled},
};
use crate::{Chunks, Error, NewSong, Outcome, Recording, Result, Song, Stated, Tags, Upload};

/// An upload whose song is known, and whose audio is in a temporary file. Dropping it leaves
/// nothing.
#[derive(Debug)]
pub struct Staged {
    library: Library,
    song: Song,
    spooled: Spooled,
}

impl Library {
    /// Takes an upload in without adding it to the library: writes it to a temporary file, hashes
    /// it, and reads its tags.
    ///
    /// # Errors
    ///
    /// Those of [`MusicService::upload`](crate::MusicService::upload). Nothing changed.
    pub async fn stage(&self, new: NewSong) -> Result<Staged> {
        let _turn = self.turn(&self.inner.uploads).await?;
        let NewSong { stated, audio } = new;
        let spooled = spool(&self.inner.directory, &self.inner.config, audio).await?;
        let (readers, config) = (&self.inner.tag_readers, &self.inner.config);
        let (tagged, spooled) = read_tags(readers, config, spooled).await?;
        let song = describe(&tagged, &stated, &spooled.chunks)?;
        if let Some(picture) = tagged.picture {
            self.inner.covers.has(spooled.chunks.content(), picture);
        }
        Ok(Staged {
            library: self.clone(),
            song,
            spooled,
        })
    }
}

impl Staged {
    /// The song, with the one recording that was uploaded.
    #[must_use]
    pub fn song(&self) -> &Song {
        &self.song
    }

    /// The hashes of the pieces of its audio.
    #[must_use]
    pub fn chunks(&self) -> &Arc<Chunks> {
        &self.spooled.chunks
    }

    /// A piece of its audio.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such piece, [`Error::Storage`] if the disk fails.
    pub async fn read_chunk(&self, index: usize) -> Result<Bytes> {
        let chunks = &self.spooled.chunks;
        if index >= chunks.len() {
            return Err(Error::Invalid {
                what: format!("there are {} pieces, from 0", chunks.len()),
            });
        }
        let doing = "reading an upload";
        let range = chunks.range_of(index);
        let file = self.spooled.file.file().try_clone().map_err(disk(doing))?;
        let mut buffer = self
            .library
            .inner
            .buffers
            .take((range.end - range.start) as usize);
        off_thread(doing, move || {
            file.read_exact_at(buffer.as_mut(), range.start)
                .map_err(disk(doing))?;
            let len = buffer.as_ref().len();
            Ok(buffer.into_bytes(len))
        })
        .await
    }

    /// Adds the song to the library, unless audio of it is here already. When this returns it is
    /// durable and found.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::Storage`].
    pub async fn commit(self) -> Result<Upload> {
        let Staged {
            library,
            song,
            spooled,
        } = self;
        if let Some(card) = library.inner.catalogue.card(&song.id())
            && card.is_held()
        {
            return Ok(Upload {
                song: card.song.clone(),
                outcome: Outcome::AlreadyThere,
            });
        }
        let audio = library.inner.place.take(spooled).await?;
        match library
            .inner
            .writer
            .make(Change::Upload(song, audio))
            .await?
        {
            Settled::Uploaded(upload) => Ok(upload),
            other @ (Settled::Done | Settled::NotHeld) => {
                unreachable!("an upload is answered as one, not {other:?}")
            }
        }
    }
}

/// The song that an upload is.
pub(super) fn describe(tagged: &Tagged, stated: &Stated, chunks: &Chunks) -> Result<Song> {
    let tags = named(tagged, stated)?;
    // Two machines must keep the same time, and it travels in milliseconds.
    let added_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Song::new(Recording {
        content: chunks.content(),
        format: tagged.format,
        size: chunks.size(),
        duration_ms: tagged.duration_ms,
        bit_rate: tagged.bit_rate,
        tags: tags
            .with_track(tagged.track)
            .with_disc(tagged.disc)
            .with_year(tagged.year)
            .with_genre(tagged.genre.as_deref()),
        has_artwork: tagged.picture.is_some(),
        added_at,
    }))
}

/// What an upload is called: what the uploader states wins over what the file says.
pub(super) fn named(tagged: &Tagged, stated: &Stated) -> Result<Tags> {
    let said = |tag: &Option<String>| tag.clone().unwrap_or_default();
    let artist = stated
        .artist
        .clone()
        .unwrap_or_else(|| said(&tagged.artist));
    let album = stated.album.clone().unwrap_or_else(|| said(&tagged.album));
    // A stated title that shows nothing is none.
    let tags = match &stated.title {
        Some(title) => Tags::new(title, &artist, &album),
        None => Err(Error::NoTitle),
    };
    match tags {
        Err(Error::NoTitle) => Tags::new(&said(&tagged.title), &artist, &album),
        tags => tags,
    }
}

/// That a file without a byte is none.
pub(super) fn not_empty(size: u64) -> Result<()> {
    match size {
        0 => Err(Error::NotAudio {
            what: "the file is empty".into(),
        }),
        _ => Ok(()),
    }
}
