//! A song on its way into the library.

use std::fmt;

use crate::{AudioStream, Song};

/// The names that the uploader states of a song; they win over the tags in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// The title.
    pub title: Option<String>,
    /// The artist.
    pub artist: Option<String>,
    /// The album; an empty one says that the song is on none.
    pub album: Option<String>,
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
}
