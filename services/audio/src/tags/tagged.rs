//! Format, tags, duration and cover of an audio file.
//!
//! What the texts hold is cleaned by [`Tags`](kadenza_contract::Tags), not here.

use std::{
    io::{Read, Seek},
    time::Instant,
};

use lofty::{
    file::TaggedFile,
    picture::{Picture, PictureType},
    tag::{ItemKey, Tag},
};

use kadenza_contract::{ContentHash, Format, Lyrics, Result, VALUES_MAX};

use super::{
    codepage,
    values::{self, Values, bounded, tags},
};
use crate::{
    covers::is_picture,
    file::{Date, Depth, PICTURE_BYTES_MAX, Parsed, parse, written_number},
};

/// The longest text of lyrics that is looked at, in bytes; times take more than words.
const LYRICS_BYTES_MAX: usize = 512 << 10;

/// The tags and properties that a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) format: Format,
    /// `None` where it is not known.
    pub(crate) duration_ms: Option<u64>,
    /// In kbit/s; `None` where it is not known.
    pub(crate) bit_rate: Option<u32>,
    pub(crate) title: Option<String>,
    pub(crate) album: Option<String>,
    pub(crate) track: Option<u32>,
    pub(crate) disc: Option<u32>,
    pub(crate) year: Option<u32>,
    /// Fields of several values, and details.
    pub(crate) values: Values,
    /// The hash of its cover.
    pub(crate) picture: Option<ContentHash>,
}

/// Reads what a file says of itself. Waits for the disk, no longer than `deadline`.
pub(crate) fn read(
    file: impl Read + Seek + Send,
    depth: Depth,
    deadline: Instant,
) -> Result<Tagged> {
    let Parsed {
        format,
        duration_ms,
        bit_rate,
        mut tagged,
        r128_gains,
    } = parse(file, depth, deadline)?;
    codepage::repair_file(&mut tagged);
    let text = |key| text(&tagged, key);
    Ok(Tagged {
        format,
        duration_ms,
        bit_rate,
        title: text(ItemKey::TrackTitle),
        album: text(ItemKey::AlbumTitle),
        track: number(&tagged, ItemKey::TrackNumber),
        disc: number(&tagged, ItemKey::DiscNumber),
        year: year(&tagged),
        values: values::read(&tagged, r128_gains),
        picture: front(&tagged).map(ContentHash::of),
    })
}

/// The cover in a file: its front, or else the first picture. Waits for the disk, no longer than
/// `deadline`.
pub(crate) fn read_cover(
    file: impl Read + Seek + Send,
    deadline: Instant,
) -> Result<Option<Vec<u8>>> {
    let tagged = parse(file, Depth::Tags, deadline)?.tagged;
    Ok(front(&tagged).map(<[u8]>::to_vec))
}

/// The text of the lyrics in a file. Waits for the disk, no longer than `deadline`.
pub(crate) fn read_lyrics(
    file: impl Read + Seek + Send,
    deadline: Instant,
) -> Result<Option<String>> {
    let mut tagged = parse(file, Depth::Tags, deadline)?.tagged;
    codepage::repair_file(&mut tagged);
    let texts = tags(&tagged).flat_map(|tag| {
        let keys = [ItemKey::Lyrics, ItemKey::UnsyncLyrics];
        keys.into_iter().flat_map(|key| tag.get_strings(key))
    });
    let texts = texts.map(|text| &text[..text.floor_char_boundary(LYRICS_BYTES_MAX)]);
    let mut first = None;
    for text in texts.take(VALUES_MAX) {
        // Where there are several, those with times say more.
        match Lyrics::of(text) {
            Some(lyrics) if !lyrics.synced.is_empty() => return Ok(Some(text.to_owned())),
            Some(_) => first = first.or(Some(text)),
            None => {}
        }
    }
    Ok(first.map(str::to_owned))
}

fn front(tagged: &TaggedFile) -> Option<&[u8]> {
    let real = || pictures(tagged).filter(|picture| is_picture(picture.data()));
    let front = real().find(|picture| picture.pic_type() == PictureType::CoverFront);
    front.or_else(|| real().next()).map(Picture::data)
}

/// The first text of this kind with something in it.
fn text(tagged: &TaggedFile, key: ItemKey) -> Option<String> {
    let mut texts = tags(tagged).filter_map(|tag| tag.get_string(key).map(bounded));
    let text = texts.find(|text| !text.trim().is_empty());
    text.map(str::to_owned)
}

/// The first number of this kind that can be read.
fn number(tagged: &TaggedFile, key: ItemKey) -> Option<u32> {
    let texts = tags(tagged).filter_map(|tag| tag.get_string(key));
    texts.filter_map(written_number).next()
}

/// The year of the recording, or of its publication.
fn year(tagged: &TaggedFile) -> Option<u32> {
    let keys = [ItemKey::RecordingDate, ItemKey::Year, ItemKey::ReleaseDate];
    let texts = tags(tagged).flat_map(|tag| keys.into_iter().filter_map(|key| tag.get_string(key)));
    texts.filter_map(Date::parse).map(|date| date.year).next()
}

fn pictures(tagged: &TaggedFile) -> impl Iterator<Item = &Picture> {
    tags(tagged)
        .flat_map(Tag::pictures)
        .filter(|picture| picture.data().len() <= PICTURE_BYTES_MAX)
}
