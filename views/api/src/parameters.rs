//! The parameters of queries: written by the client, read and checked by the server.
//!
//! Numbers, orders and cursors are texts here, so that a malformed one is refused in the contract's own
//! words. Lists take an empty cursor, limit or text of words as absent, since forms and templates of URLs
//! send them so. An empty *name* is a name: `artist=` asks for songs of the artist "", and `album=` with
//! an upload says that the song is on no album. An order, a size or a hash that is empty is refused.

use kadenza_contract::{
    Browse, ContentHash, Cursor, Error, GroupKind, InvalidHash, Limit, PIXELS_MAX, Query,
    QueryText, Sort, Stated,
};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::schemas::HashSchema;

/// Which songs are searched for.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
pub struct SearchParameters {
    /// Words, each the beginning of a word in title, artist, album, album artist or composer, or the year; after these hits, words inside of
    /// others; if there are none, words with one letter wrong. Absent or empty: every song.
    #[param(value_type = String, required = false)]
    q: Option<String>,
    /// Only songs of exactly this artist: by them, alone or with others, or on an album of theirs.
    #[param(value_type = String, required = false)]
    artist: Option<String>,
    /// Only songs of exactly this album.
    #[param(value_type = String, required = false)]
    album: Option<String>,
    /// Only songs of exactly this genre.
    #[param(value_type = String, required = false)]
    genre: Option<String>,
    /// The order: relevance, title, artist, album, newest, year, or random:SEED, a shuffle that is the
    /// same for the same seed.
    #[param(
        value_type = String,
        required = false,
        pattern = "^(relevance|title|artist|album|newest|year|random:[0-9]{1,10})$",
        default = "relevance"
    )]
    sort: Option<String>,
    /// How many items at most.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 500, default = 20)]
    limit: Option<String>,
    /// Where to go on: the `next` of the page before, of the same question.
    #[param(value_type = String, required = false)]
    cursor: Option<String>,
}

impl SearchParameters {
    /// The parameters of a query.
    #[must_use]
    pub fn new(query: &Query) -> SearchParameters {
        SearchParameters {
            q: query.text.as_ref().map(|text| text.as_str().to_owned()),
            artist: query.artist.clone(),
            album: query.album.clone(),
            genre: query.genre.clone(),
            sort: Some(query.sort.to_string()),
            limit: Some(query.limit.get().to_string()),
            cursor: query.after.as_ref().map(ToString::to_string),
        }
    }

    /// The query that they ask.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where one is malformed.
    pub fn parse(self) -> kadenza_contract::Result<Query> {
        let words = self.q.as_deref().map(str::trim);
        Ok(Query {
            text: given(words).map(QueryText::new).transpose()?,
            artist: self.artist,
            album: self.album,
            genre: self.genre,
            sort: self
                .sort
                .as_deref()
                .map_or(Ok(Sort::Relevance), str::parse)?,
            limit: limit(self.limit.as_deref())?,
            after: cursor(self.cursor.as_deref())?,
        })
    }
}

/// Which artists, albums or genres are listed.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
pub struct BrowseParameters {
    /// Only songs of exactly this artist: by them, alone or with others, or on an album of theirs.
    #[param(value_type = String, required = false)]
    artist: Option<String>,
    /// Only songs of exactly this genre.
    #[param(value_type = String, required = false)]
    genre: Option<String>,
    /// How many items at most.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 500, default = 20)]
    limit: Option<String>,
    /// Where to go on: the `next` of the page before, of the same question.
    #[param(value_type = String, required = false)]
    cursor: Option<String>,
}

impl BrowseParameters {
    /// The parameters of a question for groups. Their kind is told by the path.
    #[must_use]
    pub fn new(browse: &Browse) -> BrowseParameters {
        BrowseParameters {
            artist: browse.artist.clone(),
            genre: browse.genre.clone(),
            limit: Some(browse.limit.get().to_string()),
            cursor: browse.after.as_ref().map(ToString::to_string),
        }
    }

    /// The question that they ask.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where one is malformed.
    pub fn parse(self, kind: GroupKind) -> kadenza_contract::Result<Browse> {
        Ok(Browse {
            kind,
            artist: self.artist,
            genre: self.genre,
            limit: limit(self.limit.as_deref())?,
            after: cursor(self.cursor.as_deref())?,
        })
    }
}

/// Which member a node is to count on no longer.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
pub struct ForgetParameters {
    /// The id of the node: 64 hexadecimal digits.
    pub node: String,
}

/// What an uploader states of a song.
#[derive(Debug, Default, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(rename_all = "camelCase")]
#[serde(try_from = "Vec<(String, String)>", into = "Vec<(String, String)>")]
pub struct UploadParameters {
    /// The title.
    #[param(value_type = String, required = false)]
    title: Option<String>,
    /// The artist; once for each, in their order. None is ever split, and a single empty one says that there
    /// is none.
    #[param(value_type = Vec<String>, required = false, style = Form, explode)]
    artist: Vec<String>,
    /// The album; empty says that the song is on none.
    #[param(value_type = String, required = false)]
    album: Option<String>,
    /// The artist of the album, under whom it stands; once for each, in their order.
    #[param(value_type = Vec<String>, required = false, style = Form, explode)]
    album_artist: Vec<String>,
    /// Where the file lies, as in `Artist/Album/01 - Title.ogg`: a hint for a file whose tags lack names.
    #[param(value_type = String, required = false)]
    path: Option<String>,
}

impl TryFrom<Vec<(String, String)>> for UploadParameters {
    type Error = String;
    fn try_from(pairs: Vec<(String, String)>) -> Result<UploadParameters, String> {
        let mut parameters = UploadParameters::default();
        for (name, value) in pairs {
            let single = match name.as_str() {
                "artist" => {
                    parameters.artist.push(value);
                    continue;
                }
                "albumArtist" => {
                    parameters.album_artist.push(value);
                    continue;
                }
                "title" => &mut parameters.title,
                "album" => &mut parameters.album,
                "path" => &mut parameters.path,
                _ => continue,
            };
            if single.replace(value).is_some() {
                return Err(format!("duplicate field `{name}`"));
            }
        }
        Ok(parameters)
    }
}

impl From<UploadParameters> for Vec<(String, String)> {
    fn from(parameters: UploadParameters) -> Vec<(String, String)> {
        let UploadParameters {
            title,
            artist,
            album,
            album_artist,
            path,
        } = parameters;
        let named = |name: &str, value| (name.to_owned(), value);
        let title = title.map(|value| named("title", value));
        let artists = artist.into_iter().map(|value| named("artist", value));
        let album = album.map(|value| named("album", value));
        let of_album = album_artist.into_iter();
        let of_album = of_album.map(|value| named("albumArtist", value));
        let path = path.map(|value| named("path", value));
        title
            .into_iter()
            .chain(artists)
            .chain(album)
            .chain(of_album)
            .chain(path)
            .collect()
    }
}

impl UploadParameters {
    /// The parameters of what is stated.
    #[must_use]
    pub fn new(stated: &Stated) -> UploadParameters {
        let Stated {
            title,
            artists,
            album,
            album_artists,
            path,
        } = stated.clone();
        UploadParameters {
            title,
            artist: artists,
            album,
            album_artist: album_artists,
            path,
        }
    }

    /// What is stated.
    #[must_use]
    pub fn parse(self) -> Stated {
        let UploadParameters {
            title,
            artist,
            album,
            album_artist,
            path,
        } = self;
        Stated {
            title,
            artists: artist,
            album,
            album_artists: album_artist,
            path,
        }
    }
}

/// Which audio of a song is listened to.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
pub struct AudioParameters {
    /// The content hash of one of the song's recordings; without it, the best one.
    #[param(value_type = HashSchema, required = false)]
    recording: Option<String>,
}

impl AudioParameters {
    /// The parameters for a certain recording, or for the best one.
    #[must_use]
    pub fn new(recording: Option<ContentHash>) -> AudioParameters {
        AudioParameters {
            recording: recording.map(|content| content.to_string()),
        }
    }

    /// The recording that is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it is no content hash.
    pub fn parse(self) -> kadenza_contract::Result<Option<ContentHash>> {
        let invalid = |_: InvalidHash| Error::Invalid {
            what: "recording is a content hash: 64 hexadecimal digits".to_owned(),
        };
        let recording = self.recording.as_deref();
        recording
            .map(|hash| hash.parse().map_err(invalid))
            .transpose()
    }
}

/// How large a cover is wanted.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
pub struct ArtworkParameters {
    /// The longer edge in pixels; a smaller picture is not enlarged. Without it, the picture as it is in
    /// the file.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 2048)]
    size: Option<String>,
}

impl ArtworkParameters {
    /// The parameters for a cover of this size, or of its own.
    #[must_use]
    pub fn new(size: Option<u32>) -> ArtworkParameters {
        ArtworkParameters {
            size: size.map(|size| size.to_string()),
        }
    }

    /// The size that is asked for, in pixels.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] outside 1 to [`PIXELS_MAX`].
    pub fn parse(self) -> kadenza_contract::Result<Option<u32>> {
        let Some(size) = self.size.as_deref() else {
            return Ok(None);
        };
        let size = size.parse().ok();
        match size.filter(|pixels| (1..=PIXELS_MAX).contains(pixels)) {
            Some(pixels) => Ok(Some(pixels)),
            None => Err(Error::Invalid {
                what: format!("size is a number from 1 to {PIXELS_MAX}"),
            }),
        }
    }
}

/// A parameter of a list that says something: an empty one counts as absent.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// How many items a page may have.
fn limit(text: Option<&str>) -> kadenza_contract::Result<Limit> {
    match given(text) {
        None => Ok(Limit::default()),
        // A text that is no number is refused in the words for a number out of bounds.
        Some(text) => Limit::new(text.parse().unwrap_or(0)),
    }
}

/// Where a page begins.
fn cursor(text: Option<&str>) -> kadenza_contract::Result<Option<Cursor>> {
    given(text).map(str::parse).transpose()
}

#[cfg(test)]
mod tests {
    use kadenza_contract::SortKey;

    use super::*;

    fn empty() -> Option<String> {
        Some(String::new())
    }

    #[test]
    fn an_empty_parameter_of_a_list_counts_as_absent() {
        let search = SearchParameters {
            q: empty(),
            limit: empty(),
            cursor: empty(),
            ..SearchParameters::default()
        };
        assert_eq!(
            search.parse().unwrap(),
            SearchParameters::default().parse().unwrap()
        );
        let browse = BrowseParameters {
            limit: empty(),
            cursor: empty(),
            ..BrowseParameters::default()
        };
        let absent = BrowseParameters::default().parse(GroupKind::Album).unwrap();
        assert_eq!(browse.parse(GroupKind::Album).unwrap(), absent);
    }

    #[test]
    fn an_empty_name_is_a_name() {
        let search = SearchParameters {
            artist: empty(),
            ..SearchParameters::default()
        };
        assert_eq!(search.parse().unwrap().artist, empty());
        let upload = UploadParameters {
            album: empty(),
            ..UploadParameters::default()
        };
        assert_eq!(upload.parse().album, empty());
    }

    #[test]
    fn a_malformed_parameter_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        for search in [
            SearchParameters {
                sort: text("loud"),
                ..SearchParameters::default()
            },
            SearchParameters {
                limit: text("0"),
                ..SearchParameters::default()
            },
            SearchParameters {
                limit: text("many"),
                ..SearchParameters::default()
            },
            SearchParameters {
                cursor: text("x"),
                ..SearchParameters::default()
            },
        ] {
            assert!(matches!(search.parse(), Err(Error::Invalid { .. })));
        }
        assert!(
            AudioParameters {
                recording: text("x")
            }
            .parse()
            .is_err()
        );
        for size in ["", "0", "2049", "-1", "big"] {
            assert!(
                ArtworkParameters { size: text(size) }.parse().is_err(),
                "{size}"
            );
        }
    }

    #[test]
    fn a_query_is_read_as_it_was_written() {
        let query = Query {
            artist: Some("a".into()),
            album: empty(),
            genre: Some("g".into()),
            sort: Sort::Newest,
            limit: Limit::new(7).unwrap(),
            after: Some(Cursor::behind(SortKey::new(1, "t".into(), [2; 32]))),
            ..Query::words("some words").unwrap()
        };
        assert_eq!(SearchParameters::new(&query).parse().unwrap(), query);
        let browse = Browse {
            kind: GroupKind::Genre,
            artist: Some("a".into()),
            genre: Some("g".into()),
            limit: Limit::new(7).unwrap(),
            after: query.after,
        };
        assert_eq!(
            BrowseParameters::new(&browse)
                .parse(GroupKind::Genre)
                .unwrap(),
            browse
        );
    }
}
