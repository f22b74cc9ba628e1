//! Tags on the wire and in databases. Of one artist they are as they were when there could be only one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

use super::Tags;
use crate::{Details, Error, Names, Result};

/// Tags on the wire and in databases. A single value stands alone, several in a list.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw<'a> {
    title: Cow<'a, str>,
    #[serde(default)]
    artist: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    artists: Vec<Cow<'a, str>>,
    #[serde(default)]
    album: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disc: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genre: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    genres: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    album_artists: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    compilation: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity_artists: Option<Vec<Cow<'a, str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<Cow<'a, Details>>,
}

impl TryFrom<Raw<'_>> for Tags {
    type Error = Error;
    fn try_from(raw: Raw<'_>) -> Result<Tags> {
        let mut tags = Tags::new(&raw.title, &raw.artist, &raw.album)?
            .with_track(raw.track)
            .with_disc(raw.disc)
            .with_year(raw.year)
            .with_genre(raw.genre.as_deref())
            .with_album_artists(&names(&raw.album_artists))
            .with_compilation(raw.compilation)
            .with_details(raw.details.map(Cow::into_owned).unwrap_or_default());
        if !raw.artists.is_empty() {
            tags = tags.with_artists(names(&raw.artists));
        }
        if !raw.genres.is_empty() {
            tags = tags.with_genres(names(&raw.genres));
        }
        Ok(tags.with_identity(raw.identity_artists.as_deref().map(names)))
    }
}

fn names(values: &[Cow<'_, str>]) -> Names {
    Names::new(values.iter().map(|value| &**value))
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = |names: &Names| names.values().map(str::to_owned).map(Cow::Owned).collect();
        let several = |names: &Names| match names.are_several() {
            true => list(names),
            false => Vec::new(),
        };
        let single = |names: &'_ Names| match names.are_several() {
            true => Cow::Borrowed(""),
            false => Cow::Owned(names.joined().to_owned()),
        };
        Raw {
            title: Cow::Borrowed(&self.title),
            artist: single(&self.artists),
            artists: several(&self.artists),
            album: Cow::Borrowed(&self.album),
            track: self.track,
            disc: self.disc,
            year: self.year,
            genre: Some(single(&self.genres)).filter(|genre| !genre.is_empty()),
            genres: several(&self.genres),
            album_artists: list(&self.album_artists),
            compilation: self.is_compilation,
            identity_artists: self.identity.as_ref().map(list),
            details: self.details.as_deref().map(Cow::Borrowed),
        }
        .serialize(serializer)
    }
}

fn is_false(is: &bool) -> bool {
    !is
}
