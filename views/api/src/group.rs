//! Artists, albums and genres as JSON.

use std::borrow::Cow;

use kadenza_contract::{Group, SongId};
use serde::{Deserialize, Serialize};

/// An artist, an album or a genre.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupJson<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artist: Option<Cow<'a, str>>,
    songs: u64,
    duration_ms: u64,
    year: Option<u32>,
    song: SongId,
}

impl<'a> GroupJson<'a> {
    /// The JSON of a group.
    #[must_use]
    pub fn new(group: &'a Group) -> GroupJson<'a> {
        GroupJson {
            name: group.name.as_str().into(),
            artist: group.artist.as_deref().map(Cow::Borrowed),
            songs: group.songs,
            duration_ms: group.duration_ms,
            year: group.year,
            song: group.first,
        }
    }

    /// The group that this JSON tells of.
    #[must_use]
    pub fn parse(self) -> Group {
        Group {
            name: self.name.into_owned(),
            artist: self.artist.map(Cow::into_owned),
            songs: self.songs,
            duration_ms: self.duration_ms,
            year: self.year,
            first: self.song,
        }
    }
}
