//! The song that a file is: its tags, and what the uploader states of it.

use jiff::Timestamp;
use kadenza_contract::{Chunks, Error, Recording, Result, Song, Stated, Tags};

use super::tagged::Tagged;

/// The version of this reader. A change that describes the same audio otherwise raises it, so that the new
/// description replaces the old ones wherever they meet.
const READER: u32 = 1;

/// The song that an upload is.
pub(crate) fn describe(tagged: &Tagged, stated: &Stated, chunks: &Chunks) -> Result<Song> {
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
        reader: READER,
    }))
}

/// The names of an upload. What the uploader states wins over what the file says.
pub(crate) fn named(tagged: &Tagged, stated: &Stated) -> Result<Tags> {
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

/// Refuses a zero-byte file: it has no audio format.
pub(crate) fn not_empty(size: u64) -> Result<()> {
    match size {
        0 => Err(Error::NotAudio {
            what: "the file is empty".into(),
        }),
        _ => Ok(()),
    }
}
