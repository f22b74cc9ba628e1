//! Format, tags, duration and cover of an audio file.
//!
//! What the texts hold is cleaned by [`Tags`](kadenza_contract::Tags), not here.

use std::{
    io::{Read, Seek},
    time::Instant,
};

use lofty::{
    file::{TaggedFile, TaggedFileExt},
    picture::{Picture, PictureType},
    tag::{ItemKey, Tag},
};

use kadenza_contract::{ContentHash, Format, Result, TEXT_BYTES_MAX};

use super::codepage;
use crate::{
    covers::is_picture,
    file::{Date, Depth, PICTURE_BYTES_MAX, Parsed, parse, written_number},
};

/// The tags and properties that a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) format: Format,
    /// `None` where it is not known.
    pub(crate) duration_ms: Option<u64>,
    /// In kbit/s; `None` where it is not known.
    pub(crate) bit_rate: Option<u32>,
    pub(crate) title: Option<String>,
    pub(crate) artist: Option<String>,
    pub(crate) album: Option<String>,
    pub(crate) genre: Option<String>,
    pub(crate) track: Option<u32>,
    pub(crate) disc: Option<u32>,
    pub(crate) year: Option<u32>,
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
    } = parse(file, depth, deadline)?;
    codepage::repair_file(&mut tagged);
    let texts = texts(&tagged);
    let text = |key| text(&texts, key);
    Ok(Tagged {
        format,
        duration_ms,
        bit_rate,
        title: text(ItemKey::TrackTitle),
        artist: text(ItemKey::TrackArtist).or_else(|| text(ItemKey::AlbumArtist)),
        album: text(ItemKey::AlbumTitle),
        genre: text(ItemKey::Genre),
        track: number(&tagged, ItemKey::TrackNumber),
        disc: number(&tagged, ItemKey::DiscNumber),
        year: year(&tagged),
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

fn front(tagged: &TaggedFile) -> Option<&[u8]> {
    let real = || pictures(tagged).filter(|picture| is_picture(picture.data()));
    let front = real().find(|picture| picture.pic_type() == PictureType::CoverFront);
    front.or_else(|| real().next()).map(Picture::data)
}

/// All tags of a file, the one that belongs to its format first.
fn tags(tagged: &TaggedFile) -> impl Iterator<Item = &Tag> {
    let first = tagged.primary_tag();
    let others = tagged
        .tags()
        .iter()
        .filter(move |tag| first.is_none_or(|first| first.tag_type() != tag.tag_type()));
    first.into_iter().chain(others)
}

/// The fields that are read of a tag. All others are dropped, however many there are.
const KEYS: [ItemKey; 5] = [
    ItemKey::TrackTitle,
    ItemKey::TrackArtist,
    ItemKey::AlbumArtist,
    ItemKey::AlbumTitle,
    ItemKey::Genre,
];

/// The texts of each tag, by the order of [`KEYS`], bounded.
fn texts(tagged: &TaggedFile) -> Vec<[Option<String>; KEYS.len()]> {
    let of_each = tags(tagged).map(|tag| {
        KEYS.map(|key| {
            let text = tag.get_string(key).map(bounded);
            text.filter(|text| !text.trim().is_empty())
                .map(str::to_owned)
        })
    });
    of_each.collect()
}

/// A text cut between characters: decoding it may double its length, and still it is long enough.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX * 2)]
}

/// The first text of this kind with something in it.
fn text(texts: &[[Option<String>; KEYS.len()]], key: ItemKey) -> Option<String> {
    let at = KEYS.iter().position(|kept| *kept == key)?;
    texts.iter().find_map(|texts| texts[at].clone())
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
