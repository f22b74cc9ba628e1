//! A song and its recordings.
//!
//! A song is a grow-only set of recordings of one title, artist and album. Two machines that took
//! different audio for the same song merge by set union (a G-Set: Shapiro et al., "Conflict-free
//! replicated data types", 2011), and all machines play the same one of them.

use std::cmp::{Ordering, Reverse};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ContentHash, Error, Format, Result, SongId, Tags};

/// The most recordings that a song keeps: the best ones. A bound, so that no song outgrows a frame.
const RECORDINGS_MAX: usize = 8;

/// One recording: audio, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// The hash of the audio, which is its address.
    pub content: ContentHash,
    /// The format of the audio.
    pub format: Format,
    /// The size of the audio in bytes.
    pub size: u64,
    /// The duration in milliseconds; 0 where the file does not tell.
    pub duration_ms: u64,
    /// The mean bit rate in kbit/s; 0 where the file does not tell.
    pub bit_rate: u32,
    /// Title, artist, album and the rest.
    pub tags: Tags,
    /// Whether the audio carries a cover.
    pub has_artwork: bool,
    /// When the upload was taken in, to the millisecond.
    pub added_at: Timestamp,
}

impl Recording {
    /// The order of recordings, the one to play first: lossless before lossy, then the higher bit
    /// rate, then the lower hash; what follows only settles which description of the same audio
    /// is kept.
    fn cmp_best_first(&self, other: &Recording) -> Ordering {
        let quality = |r: &Recording| {
            (
                Reverse(r.format.is_lossless()),
                Reverse(r.bit_rate),
                r.content,
            )
        };
        quality(self)
            .cmp(&quality(other))
            .then_with(|| self.added_at.cmp(&other.added_at))
            .then_with(|| self.cmp(other))
    }
}

/// A song: its id and its recordings, the one to play first. There is always at least one, and all
/// have the same identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Song {
    id: SongId,
    recordings: Vec<Recording>,
}

#[derive(Deserialize)]
struct Raw {
    id: SongId,
    recordings: Vec<Recording>,
}

impl TryFrom<Raw> for Song {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Song> {
        let song = Song::from_recordings(raw.recordings)?;
        if song.id == raw.id {
            Ok(song)
        } else {
            Err(Error::Invalid {
                what: "the id of a song does not fit its tags".into(),
            })
        }
    }
}

impl Song {
    /// The song that has this one recording.
    #[must_use]
    pub fn new(recording: Recording) -> Song {
        Song {
            id: recording.tags.song_id(),
            recordings: vec![recording],
        }
    }

    /// The song that has these recordings.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is none, or not all are of the same song.
    pub fn from_recordings(recordings: Vec<Recording>) -> Result<Song> {
        let Some(first) = recordings.first() else {
            return Err(Error::Invalid {
                what: "a song without a recording".into(),
            });
        };
        let id = first.tags.song_id();
        if recordings
            .iter()
            .any(|recording| recording.tags.song_id() != id)
        {
            return Err(Error::Invalid {
                what: "recordings of different songs in one song".into(),
            });
        }
        let mut song = Song { id, recordings };
        song.settle();
        Ok(song)
    }

    /// The identity of the song.
    #[must_use]
    pub fn id(&self) -> SongId {
        self.id
    }

    /// The bytes of the id, without a copy.
    #[must_use]
    pub fn id_bytes(&self) -> &[u8; 32] {
        self.id.as_bytes()
    }

    /// A song from its stored parts: its id and its recordings in their order; nothing is checked.
    #[must_use]
    pub fn restored(id: SongId, recordings: Vec<Recording>) -> Song {
        Song { id, recordings }
    }

    /// The recording to play.
    #[must_use]
    pub fn best(&self) -> &Recording {
        &self.recordings[0]
    }

    /// All recordings, the best first.
    #[must_use]
    pub fn recordings(&self) -> &[Recording] {
        &self.recordings
    }

    /// The recording with this audio.
    #[must_use]
    pub fn recording(&self, content: &ContentHash) -> Option<&Recording> {
        self.recordings
            .iter()
            .find(|recording| recording.content == *content)
    }

    /// The tags of the recording to play.
    #[must_use]
    pub fn tags(&self) -> &Tags {
        &self.best().tags
    }

    /// Takes in the recordings of the same song as another machine knows it; says whether anything
    /// was new. Merging is commutative, associative and idempotent. Another song is left out.
    pub fn merge(&mut self, other: &Song) -> bool {
        if other.id != self.id || other.recordings == self.recordings {
            return false;
        }
        let before = self.recordings.clone();
        self.recordings.extend(other.recordings.iter().cloned());
        self.settle();
        self.recordings != before
    }

    fn settle(&mut self) {
        self.recordings.sort_by(Recording::cmp_best_first);
        let mut seen = Vec::new();
        self.recordings.retain(|recording| {
            let new = !seen.contains(&recording.content);
            seen.push(recording.content);
            new
        });
        self.recordings.truncate(RECORDINGS_MAX);
        // Nearly all songs have one recording, and libraries keep many songs in memory.
        self.recordings.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recordings() -> impl Strategy<Value = Vec<Recording>> {
        let one = (0u8..12, 0i64..3, 0u8..2).prop_map(|(hash, at, case)| {
            // Everything that the audio itself decides follows from its hash.
            Recording {
                content: ContentHash::from_bytes([hash; 32]),
                format: if hash % 2 == 0 {
                    Format::Flac
                } else {
                    Format::Mp3
                },
                size: 1,
                duration_ms: 1,
                bit_rate: u32::from(hash % 3),
                tags: Tags::new(if case == 0 { "Song" } else { "SONG" }, "a", "").unwrap(),
                has_artwork: false,
                added_at: Timestamp::from_millisecond(at).unwrap(),
            }
        });
        proptest::collection::vec(one, 1..6)
    }

    fn merged(a: &Song, b: &Song) -> Song {
        let mut merged = a.clone();
        merged.merge(b);
        merged
    }

    proptest! {
        #[test]
        fn merging_does_not_depend_on_the_order(a in recordings(), b in recordings(), c in recordings()) {
            let [a, b, c] = [a, b, c].map(|r| Song::from_recordings(r).unwrap());
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &a), a);
        }

        #[test]
        fn a_song_survives_its_wire_form(a in recordings()) {
            let song = Song::from_recordings(a).unwrap();
            let text = serde_json::to_string(&song).unwrap();
            prop_assert_eq!(serde_json::from_str::<Song>(&text).unwrap(), song);
        }
    }

    #[test]
    fn a_song_with_a_forged_id_is_refused() {
        let song = serde_json::json!({ "id": "00".repeat(32), "recordings": [{
            "content": "00".repeat(32), "format": "flac", "size": 1, "durationMs": 1, "bitRate": 1,
            "tags": { "title": "t", "artist": "", "album": "" }, "hasArtwork": false,
            "addedAt": "2026-01-01T00:00:00Z" }] });
        assert!(serde_json::from_value::<Song>(song).is_err());
    }
}
