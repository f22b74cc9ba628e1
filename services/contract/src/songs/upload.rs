//! A song on its way into the library.

use std::fmt;

use crate::{AudioStream, Song};

/// What the uploader states of a song. Names win over the tags in the file, and the tags over the path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// The title.
    pub title: Option<String>,
    /// The artists, in their order; none if nothing is stated, and a single empty one says that there is
    /// none. Each is one name and is never split.
    pub artists: Vec<String>,
    /// The album; an empty one says that the song is on none.
    pub album: Option<String>,
    /// The artists of the album, in their order; none if nothing is stated. They put the song into its
    /// album, and are no part of what names it.
    pub album_artists: Vec<String>,
    /// Where the file lies with the uploader, as in `Artist/Album/01 - Title.ogg`: a hint for a file
    /// whose tags lack names.
    pub path: Option<String>,
}

/// The names of an upload that were taken from its path, since neither the uploader nor the tags gave
/// them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FromPath {
    /// The title.
    pub title: bool,
    /// The artist.
    pub artist: bool,
    /// The album.
    pub album: bool,
}

impl FromPath {
    /// The words for them, in this order: `title`, `artist`, `album`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("title", self.title),
            ("artist", self.artist),
            ("album", self.album),
        ];
        all.into_iter().filter(|(_, is)| *is).map(|(name, _)| name)
    }

    /// Those that these words name; others are left out.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> FromPath {
        let mut from_path = FromPath::default();
        for name in names {
            match name {
                "title" => from_path.title = true,
                "artist" => from_path.artist = true,
                "album" => from_path.album = true,
                _ => {}
            }
        }
        from_path
    }
}

/// A song to be added.
pub struct NewSong {
    /// The names that the uploader states.
    pub stated: Stated,
    /// The audio file, as a stream.
    pub audio: AudioStream,
}

impl fmt::Debug for NewSong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSong")
            .field("stated", &self.stated)
            .finish_non_exhaustive()
    }
}

/// The outcome of an upload. All are successes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The song is new, and is there now.
    Added,
    /// The song was there with other audio; this audio is another recording of it now.
    RecordingAdded,
    /// This audio of the song was there already; nothing was stored.
    AlreadyThere,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 3] = [
        Outcome::Added,
        Outcome::RecordingAdded,
        Outcome::AlreadyThere,
    ];

    /// The word for it in machine-readable places.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Added => "added",
            Outcome::RecordingAdded => "recording-added",
            Outcome::AlreadyThere => "already-there",
        }
    }

    /// The outcome with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Outcome> {
        Outcome::ALL
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

/// An acknowledged upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The song as it is now in the library.
    pub song: Song,
    /// Whether it is new, or has a new recording.
    pub outcome: Outcome,
    /// The names that were taken from the path of the file.
    pub from_path: FromPath,
}

impl Upload {
    /// An upload that ended so; no name is from a path.
    #[must_use]
    pub fn new(song: Song, outcome: Outcome) -> Upload {
        Upload {
            song,
            outcome,
            from_path: FromPath::default(),
        }
    }
}
