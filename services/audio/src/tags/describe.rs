//! The song that a file is: its tags, and what the uploader states of it.

use jiff::Timestamp;
use kadenza_contract::{Chunks, Error, FromPath, Recording, Result, Song, Stated, Tags};

use super::{path, tagged::Tagged};

/// The version of this reader. A change that describes the same audio otherwise raises it, so that the new
/// description replaces the old ones wherever they meet.
const READER: u32 = 2;

/// The song that an upload is, and which of its names are from its path.
pub(crate) fn describe(
    tagged: &Tagged,
    stated: &Stated,
    chunks: &Chunks,
) -> Result<(Song, FromPath)> {
    let (tags, from_path) = named(tagged, stated)?;
    // Two machines must keep the same time, and it travels in milliseconds.
    let added_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let song = Song::new(Recording {
        content: chunks.content(),
        format: tagged.format,
        size: chunks.size(),
        duration_ms: tagged.duration_ms,
        bit_rate: tagged.bit_rate,
        tags,
        has_artwork: tagged.picture.is_some(),
        added_at,
        reader: READER,
    });
    Ok((song, from_path))
}

/// The tags of an upload. What the uploader states wins over what the file says, and that over its path: a
/// file without a title or an artist takes from its path what it lacks. One that has both keeps to its
/// tags, since a song without an album is a song of its own.
pub(crate) fn named(tagged: &Tagged, stated: &Stated) -> Result<(Tags, FromPath)> {
    // A stated title that shows nothing is none, and so is one in the tags.
    let title = [&stated.title, &tagged.title]
        .into_iter()
        .flatten()
        .find(|title| Tags::new(title, "", "").is_ok());
    let artist = stated.artist.as_ref().or(tagged.artist.as_ref());
    let album = stated.album.as_ref().or(tagged.album.as_ref());
    let hint = stated.path.as_deref();
    let path = hint
        .filter(|_| title.is_none() || artist.is_none())
        .map(path::names)
        .unwrap_or_default();
    let choose = |known: Option<&String>, path: &Option<String>| match (known, path) {
        (Some(known), _) => (known.clone(), false),
        (None, Some(path)) => (path.clone(), true),
        (None, None) => (String::new(), false),
    };
    let (title, artist, album) = (
        choose(title, &path.title),
        choose(artist, &path.artist),
        choose(album, &path.album),
    );
    let from_path = FromPath {
        title: title.1,
        artist: artist.1,
        album: album.1,
    };
    let tags = Tags::new(&title.0, &artist.0, &album.0)?
        .with_track(tagged.track.or(path.track))
        .with_disc(tagged.disc.or(path.disc))
        .with_year(tagged.year.or(path.year))
        .with_genre(tagged.genre.as_deref());
    Ok((tags, from_path))
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
