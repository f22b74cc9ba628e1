//! The tags of a recording: title, artist, album and the rest.
//!
//! Texts from outside become tags here and nowhere else; from here on they hold no control
//! characters, are trimmed and bounded.

mod wire;

use serde::Deserialize;

use super::{Details, Names, text::clean};
use crate::{Error, Result, SongId, fold::identity_fold};

/// The highest number that a track, disc or year may have; others are dropped as nonsense.
const NUMBER_MAX: u32 = 9999;

/// The most bytes of the artists of an album.
const ALBUM_ARTISTS_BYTES_MAX: usize = 1024;

/// The artist of an album that is of many.
pub const VARIOUS_ARTISTS: &str = "Various Artists";

/// Other names for it, folded.
const VARIOUS: [&str; 14] = [
    "various artists",
    "various artist",
    "various",
    "va",
    "v.a.",
    "v.a",
    "v/a",
    "verschiedene interpreten",
    "verschiedene",
    "artistes divers",
    "artistes variés",
    "varios artistas",
    "artisti vari",
    "vários artistas",
];

/// The tags of a recording. The title is never empty; all else may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "wire::Raw<'static>")]
pub struct Tags {
    title: String,
    artists: Names,
    album: String,
    track: Option<u32>,
    disc: Option<u32>,
    year: Option<u32>,
    genres: Names,
    album_artists: Names,
    is_compilation: bool,
    /// The artists by which the song is known, where others were read of the same audio later.
    identity: Option<Names>,
    details: Option<Box<Details>>,
}

impl Tags {
    /// Tags with these three texts, cleaned. The artist is one; see [`with_artists`](Tags::with_artists).
    ///
    /// # Errors
    ///
    /// [`Error::NoTitle`] if nothing visible is left of the title.
    pub fn new(title: &str, artist: &str, album: &str) -> Result<Tags> {
        let title = clean(title);
        if title.is_empty() {
            return Err(Error::NoTitle);
        }
        Ok(Tags {
            title,
            artists: Names::new([artist]),
            album: clean(album),
            track: None,
            disc: None,
            year: None,
            genres: Names::default(),
            album_artists: Names::default(),
            is_compilation: false,
            identity: None,
            details: None,
        })
    }

    /// The same by these artists.
    #[must_use]
    pub fn with_artists(self, artists: Names) -> Tags {
        Tags { artists, ..self }
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

    /// The same with one genre, cleaned; an empty one is none.
    #[must_use]
    pub fn with_genre(self, genre: Option<&str>) -> Tags {
        self.with_genres(Names::new(genre))
    }

    /// The same with these genres.
    #[must_use]
    pub fn with_genres(self, genres: Names) -> Tags {
        Tags { genres, ..self }
    }

    /// The same with these artists of the album.
    #[must_use]
    pub fn with_album_artists(self, artists: &Names) -> Tags {
        Tags {
            album_artists: Names::within(artists.values(), ALBUM_ARTISTS_BYTES_MAX),
            ..self
        }
    }

    /// The same on an album of many artists, or not.
    #[must_use]
    pub fn with_compilation(self, is_compilation: bool) -> Tags {
        Tags {
            is_compilation,
            ..self
        }
    }

    /// The same, known by these artists, whatever else was read of the audio later.
    #[must_use]
    pub fn with_identity(self, artists: Option<Names>) -> Tags {
        let identity = artists.filter(|artists| !artists.is_same(&self.artists));
        Tags { identity, ..self }
    }

    /// The same with these details.
    #[must_use]
    pub fn with_details(self, details: Details) -> Tags {
        let details = Some(details).filter(|details| !details.is_empty());
        Tags {
            details: details.map(Box::new),
            ..self
        }
    }

    /// Tags from texts that were cleaned before, as an index stores them; nothing is cleaned again.
    #[must_use]
    pub fn restored(
        [title, album]: [&str; 2],
        [artists, genres, album_artists]: [Names; 3],
        [track, disc, year]: [Option<u32>; 3],
        is_compilation: bool,
        identity: Option<Names>,
        details: Option<Box<Details>>,
    ) -> Tags {
        Tags {
            title: title.to_owned(),
            artists,
            album: album.to_owned(),
            track,
            disc,
            year,
            genres,
            album_artists,
            is_compilation,
            identity,
            details,
        }
    }

    /// The title; never empty.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// All artists in one text, or an empty text.
    #[must_use]
    pub fn artist(&self) -> &str {
        self.artists.joined()
    }

    /// The artists.
    #[must_use]
    pub fn artists(&self) -> &Names {
        &self.artists
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

    /// All genres in one text.
    #[must_use]
    pub fn genre(&self) -> Option<&str> {
        Some(self.genres.joined()).filter(|genre| !genre.is_empty())
    }

    /// The genres.
    #[must_use]
    pub fn genres(&self) -> &Names {
        &self.genres
    }

    /// The artists of the album, where the file names them.
    #[must_use]
    pub fn album_artists(&self) -> &Names {
        &self.album_artists
    }

    /// Whether the file says that its album is of many artists.
    #[must_use]
    pub fn is_compilation(&self) -> bool {
        self.is_compilation
    }

    /// The artist under whom the album stands: the one that the file names, or [`VARIOUS_ARTISTS`] where it
    /// says so in any words; else the first artist of the song.
    #[must_use]
    pub fn album_artist(&self) -> &str {
        album_artist(
            self.artists.first(),
            self.album_artists.joined(),
            self.album_artists.values(),
            self.is_compilation,
        )
    }

    /// All to whom the song belongs, each once: its artists, those of the album, and the one under whom the
    /// album stands. Where there is no artist, one empty name.
    pub fn credited(&self) -> impl Iterator<Item = &str> {
        let nobody = self.artists.is_empty().then_some("");
        let own = self.artists.values();
        let albums = self.album_artists.values();
        let album = Some(self.album_artist()).filter(|name| !name.is_empty());
        let mut known: Vec<String> = Vec::new();
        nobody
            .into_iter()
            .chain(own)
            .chain(albums)
            .chain(album)
            .filter(move |name| {
                let folded = identity_fold(name);
                let is_new = !known.contains(&folded);
                if is_new {
                    known.push(folded);
                }
                is_new
            })
    }

    /// The artists by which the song is known, where they are others than those of the recording.
    #[must_use]
    pub fn identity(&self) -> Option<&Names> {
        self.identity.as_ref()
    }

    /// What else is known of the recording.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    /// The id of the song that these tags name.
    #[must_use]
    pub fn song_id(&self) -> SongId {
        let artists = self.identity.as_ref().unwrap_or(&self.artists);
        match artists.are_several() {
            false => SongId::of(&self.title, artists.joined(), &self.album),
            true => SongId::of_several(&self.title, artists.values(), &self.album),
        }
    }

    /// The same under the name that programs gave it which read only the first of several artists; `None`
    /// where they gave it the same.
    #[must_use]
    pub fn as_first_artist(&self) -> Option<Tags> {
        let first = Names::new([self.artists.first()]);
        let is_other = self.artists.are_several() && self.identity.is_none();
        is_other.then(|| self.clone().with_identity(Some(first)))
    }
}

/// See [`Tags::album_artist`]: of the first artist of a song, and of the artists of the album in one text and
/// each.
pub fn album_artist<'a>(
    first: &'a str,
    of_album: &'a str,
    mut each: impl Iterator<Item = &'a str>,
    is_compilation: bool,
) -> &'a str {
    let is_various = |name: &str| VARIOUS.contains(&identity_fold(name).as_str());
    match of_album {
        "" if is_compilation => VARIOUS_ARTISTS,
        "" => first,
        _ if each.any(is_various) => VARIOUS_ARTISTS,
        named => named,
    }
}

fn sane(number: Option<u32>) -> Option<u32> {
    number.filter(|n| (1..=NUMBER_MAX).contains(n))
}

#[cfg(test)]
mod tests {
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
}
