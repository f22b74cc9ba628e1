//! What stands on a list of songs: a song, or one recording of it.
//!
//! An album may have one song at several places: "Interlude" as tracks 4 and 9 has one title, artist and
//! album. Its recordings say so by their numbers, and each place is an entry. On other lists a song stands once.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::{ContentHash, Error, Recording, Result, Song, Tags};

/// An item of a list of songs. What it shows is that of [`Entry::recording`]; it is otherwise its song.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Entry {
    song: Song,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recording: Option<ContentHash>,
}

#[derive(Deserialize)]
struct Raw {
    song: Song,
    #[serde(default)]
    recording: Option<ContentHash>,
}

impl TryFrom<Raw> for Entry {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Entry> {
        Entry::new(raw.song, raw.recording)
    }
}

impl Entry {
    /// The song as a whole: its best recording stands for it, and the best that is held plays.
    #[must_use]
    pub fn of(song: Song) -> Entry {
        Entry {
            song,
            recording: None,
        }
    }

    /// One recording of a song, which alone plays; without one, the song as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the song has no such recording.
    pub fn new(song: Song, recording: Option<ContentHash>) -> Result<Entry> {
        if recording.is_some_and(|content| song.recording(&content).is_none()) {
            return Err(Error::Invalid {
                what: "an entry of a recording that its song does not have".into(),
            });
        }
        Ok(Entry { song, recording })
    }

    /// The entries of a song on its album: one for each place that its recordings state, the best recording
    /// first. The first disc needs no number. A recording without a track number states no place, and
    /// is taken for the same piece as the best that does.
    #[must_use]
    pub fn on_album(song: Song) -> Vec<Entry> {
        let mut places = Vec::new();
        let mut recordings = Vec::new();
        for recording in song.recordings() {
            let place = place(recording);
            if place.is_some() && !places.contains(&place) {
                places.push(place);
                recordings.push(recording.content);
            }
        }
        if places.len() < 2 {
            return vec![Entry::of(song)];
        }
        recordings[0] = song.best().content;
        let entry = |content| Entry {
            song: song.clone(),
            recording: Some(content),
        };
        recordings.into_iter().map(entry).collect()
    }

    /// Its song.
    #[must_use]
    pub fn song(&self) -> &Song {
        &self.song
    }

    /// The recording that it stands for.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        let pinned = self.recording.as_ref();
        let pinned = pinned.and_then(|content| self.song.recording(content));
        pinned.unwrap_or(self.song.best())
    }

    /// The recording that it is addressed by, where its song has several entries on the list.
    #[must_use]
    pub fn pinned(&self) -> Option<&ContentHash> {
        self.recording.as_ref()
    }

    /// The tags of its recording.
    #[must_use]
    pub fn tags(&self) -> &Tags {
        &self.recording().tags
    }
}

/// The disc and the track that a recording states.
fn place(recording: &Recording) -> Option<(u32, u32)> {
    let tags = &recording.tags;
    Some((tags.disc().unwrap_or(1), tags.track()?))
}

impl Deref for Entry {
    type Target = Song;
    fn deref(&self) -> &Song {
        &self.song
    }
}

impl From<Entry> for Song {
    fn from(entry: Entry) -> Song {
        entry.song
    }
}

impl PartialEq<Song> for Entry {
    fn eq(&self, song: &Song) -> bool {
        self.recording.is_none() && self.song == *song
    }
}
