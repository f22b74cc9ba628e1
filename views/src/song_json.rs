//! Songs and groups as JSON.
//!
//! The fields of the recording to play stand in the song itself; where there are more recordings, all
//! are listed too, best first. A program that reads every field can build the same [`Song`] again.

use kadenza_services::{ContentHash, Format, Group, Page, Recording, Song, SongId};
use serde::Serialize;

/// A song, for the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SongJson<'a> {
    id: SongId,
    #[serde(flatten)]
    best: RecordingJson<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recordings: Vec<RecordingJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingJson<'a> {
    title: &'a str,
    artist: &'a str,
    album: &'a str,
    track: Option<u32>,
    disc: Option<u32>,
    year: Option<u32>,
    genre: Option<&'a str>,
    duration_ms: u64,
    size: u64,
    content_type: &'static str,
    content_hash: ContentHash,
    format: Format,
    bit_rate: u32,
    has_artwork: bool,
    added_at: jiff::Timestamp,
}

impl<'a> RecordingJson<'a> {
    fn new(recording: &'a Recording) -> RecordingJson<'a> {
        let tags = &recording.tags;
        RecordingJson {
            title: tags.title(),
            artist: tags.artist(),
            album: tags.album(),
            track: tags.track(),
            disc: tags.disc(),
            year: tags.year(),
            genre: tags.genre(),
            duration_ms: recording.duration_ms,
            size: recording.size,
            content_type: recording.format.content_type(),
            content_hash: recording.content,
            format: recording.format,
            bit_rate: recording.bit_rate,
            has_artwork: recording.has_artwork,
            added_at: recording.added_at,
        }
    }
}

impl<'a> SongJson<'a> {
    pub(crate) fn new(song: &'a Song) -> SongJson<'a> {
        let recordings = match song.recordings() {
            [_only] => Vec::new(),
            all => all.iter().map(RecordingJson::new).collect(),
        };
        SongJson {
            id: song.id(),
            best: RecordingJson::new(song.best()),
            recordings,
        }
    }
}

/// An artist, an album or a genre, for the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupJson<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artist: Option<&'a str>,
    songs: u64,
    duration_ms: u64,
    year: Option<u32>,
    song: SongId,
}

impl<'a> GroupJson<'a> {
    pub(crate) fn new(group: &'a Group) -> GroupJson<'a> {
        GroupJson {
            name: &group.name,
            artist: group.artist.as_deref(),
            songs: group.songs,
            duration_ms: group.duration_ms,
            year: group.year,
            song: group.first,
        }
    }
}

/// A page of anything, for the wire.
#[derive(Debug, Serialize)]
pub(crate) struct PageJson<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T> PageJson<T> {
    pub(crate) fn new<'a, U>(page: &'a Page<U>, item: impl Fn(&'a U) -> T) -> PageJson<T> {
        PageJson {
            items: page.items.iter().map(item).collect(),
            next: page.next.as_ref().map(ToString::to_string),
        }
    }

    /// All there is, on one page.
    pub(crate) fn of_all(items: Vec<T>) -> PageJson<T> {
        PageJson { items, next: None }
    }
}
