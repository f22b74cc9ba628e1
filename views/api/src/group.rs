//! Artists, albums and genres as JSON.

use std::borrow::Cow;

use kadenza_contract::{Group, SongId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schemas::HashSchema;

/// An artist, an album or a genre.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub struct GroupJson<'a> {
    #[schema(value_type = String)]
    name: Cow<'a, str>,
    /// Of albums only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    artist: Option<Cow<'a, str>>,
    /// How many songs.
    songs: u64,
    /// How long they last, in milliseconds, as far as it is known.
    duration_ms: u64,
    /// The earliest year among them.
    #[schema(required = true)]
    year: Option<u32>,
    /// The song whose cover can stand for the group.
    #[schema(value_type = HashSchema)]
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
