//! The tags of a recording: title, artist, album and the rest.
//!
//! Texts from outside become tags here and nowhere else; from here on they hold no control
//! characters, are trimmed and bounded.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, SongId, fold::is_invisible};

/// The most bytes that a text of a tag keeps; the rest is cut between characters.
pub const TEXT_BYTES_MAX: usize = 4096;

/// The highest number that a track, disc or year may have; others are dropped as nonsense.
const NUMBER_MAX: u32 = 9999;

/// The tags of a recording. The title is never empty; artist and album may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Raw")]
pub struct Tags {
    title: String,
    artist: String,
    album: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disc: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genre: Option<String>,
}

#[derive(Deserialize)]
struct Raw {
    title: String,
    #[serde(default)]
    artist: String,
    #[serde(default)]
    album: String,
    track: Option<u32>,
    disc: Option<u32>,
    year: Option<u32>,
    genre: Option<String>,
}

impl TryFrom<Raw> for Tags {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Tags> {
        Ok(Tags::new(&raw.title, &raw.artist, &raw.album)?
            .with_track(raw.track)
            .with_disc(raw.disc)
            .with_year(raw.year)
            .with_genre(raw.genre.as_deref()))
    }
}

impl Tags {
    /// Tags with these three texts, cleaned.
    ///
    /// # Errors
    ///
    /// [`Error::NoTitle`] if nothing visible is left of the title.
    pub fn new(title: &str, artist: &str, album: &str) -> Result<Tags> {
        let title = clean(title);
        if title.is_empty() {
            return Err(Error::NoTitle);
        }
        let (artist, album) = (clean(artist), clean(album));
        Ok(Tags {
            title,
            artist,
            album,
            track: None,
            disc: None,
            year: None,
            genre: None,
        })
    }

    /// The same with a track number; nonsense is dropped.
    #[must_use]
    pub fn with_track(self, track: Option<u32>) -> Tags {
        Tags {
            track: sane(track),
            ..self
        }
    }

    /// The same with a disc number; nonsense is dropped.
    #[must_use]
    pub fn with_disc(self, disc: Option<u32>) -> Tags {
        Tags {
            disc: sane(disc),
            ..self
        }
    }

    /// The same with a year; nonsense is dropped.
    #[must_use]
    pub fn with_year(self, year: Option<u32>) -> Tags {
        Tags {
            year: sane(year),
            ..self
        }
    }

    /// The same with a genre, cleaned; an empty one is none.
    #[must_use]
    pub fn with_genre(self, genre: Option<&str>) -> Tags {
        Tags {
            genre: genre.map(clean).filter(|genre| !genre.is_empty()),
            ..self
        }
    }

    /// Tags from texts that were cleaned before, as an index stores them; nothing is cleaned again.
    #[must_use]
    pub fn restored(
        [title, artist, album]: [&str; 3],
        [track, disc, year]: [Option<u32>; 3],
        genre: Option<&str>,
    ) -> Tags {
        Tags {
            title: title.to_owned(),
            artist: artist.to_owned(),
            album: album.to_owned(),
            track,
            disc,
            year,
            genre: genre.map(str::to_owned),
        }
    }

    /// The title; never empty.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The artist, or an empty text.
    #[must_use]
    pub fn artist(&self) -> &str {
        &self.artist
    }

    /// The album, or an empty text.
    #[must_use]
    pub fn album(&self) -> &str {
        &self.album
    }

    /// The number on its disc.
    #[must_use]
    pub fn track(&self) -> Option<u32> {
        self.track
    }

    /// The number of the disc in its album.
    #[must_use]
    pub fn disc(&self) -> Option<u32> {
        self.disc
    }

    /// The year in which it came out.
    #[must_use]
    pub fn year(&self) -> Option<u32> {
        self.year
    }

    /// The genre.
    #[must_use]
    pub fn genre(&self) -> Option<&str> {
        self.genre.as_deref()
    }

    /// The id of the song that these tags name.
    #[must_use]
    pub fn song_id(&self) -> SongId {
        SongId::of(&self.title, &self.artist, &self.album)
    }
}

fn sane(number: Option<u32>) -> Option<u32> {
    number.filter(|n| (1..=NUMBER_MAX).contains(n))
}

/// Control characters become spaces, the ends are trimmed, the length is bounded; a text with
/// nothing visible in it is empty.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for c in text
        .trim_matches(|c: char| c.is_whitespace() || c.is_control())
        .chars()
    {
        let c = if c.is_control() { ' ' } else { c };
        if cleaned.len() + c.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        cleaned.push(c);
    }
    cleaned.truncate(cleaned.trim_end().len());
    if cleaned
        .chars()
        .all(|c| c.is_whitespace() || is_invisible(c))
    {
        cleaned.clear();
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_title_that_shows_nothing_is_none() {
        for title in ["", " \t\r\n", "\u{200b}\u{feff}", "\0\0"] {
            assert!(
                matches!(Tags::new(title, "artist", ""), Err(Error::NoTitle)),
                "{title:?}"
            );
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_dropped() {
        let tags = Tags::new("t", "", "")
            .unwrap()
            .with_track(Some(0))
            .with_year(Some(2012));
        assert_eq!((tags.track(), tags.year()), (None, Some(2012)));
        assert_eq!(tags.with_year(Some(20_121_215)).year(), None);
    }

    proptest! {
        #[test]
        fn cleaning_bounds_and_settles(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}|(é{2000,2100})") {
            let once = clean(&text);
            prop_assert!(once.len() <= TEXT_BYTES_MAX);
            prop_assert!(!once.chars().any(char::is_control));
            prop_assert_eq!(clean(&once), once);
        }
    }
}
