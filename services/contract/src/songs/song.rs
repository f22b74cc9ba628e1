//! A song and its recordings.
//!
//! A song is a grow-only set of recordings of one title, artist and album. Two machines that took
//! different audio for the same song merge by set union (a G-Set: Shapiro et al., "Conflict-free
//! replicated data types", 2011), and all machines play the same one of them.

use std::cmp::{Ordering, Reverse};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{ContentHash, Error, Format, Result, SongId, Tags};

/// The most recordings that a song may have for an upload to be admitted that adds one. Only an upload
/// is refused: two machines that each took the last one end with both.
pub const RECORDINGS_MAX: usize = 256;

/// The first reader that gives all artists of a file, and not only the first.
pub const READER_OF_ALL_ARTISTS: u32 = 2;

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
    /// The duration in milliseconds, where it is known; never 0.
    #[serde(default, deserialize_with = "known")]
    pub duration_ms: Option<u64>,
    /// The mean bit rate in kbit/s, where it is known; never 0.
    #[serde(default, deserialize_with = "known")]
    pub bit_rate: Option<u32>,
    /// Title, artist, album and the rest.
    pub tags: Tags,
    /// Whether the audio carries a cover.
    pub has_artwork: bool,
    /// When the upload was taken in, to the millisecond.
    pub added_at: Timestamp,
    /// The version of the reader that described the audio; 0 before readers had one. Of two
    /// descriptions of the same audio the one by the later reader is kept.
    #[serde(default, skip_serializing_if = "is_first")]
    pub reader: u32,
}

impl Recording {
    /// The order of recordings, the one to play first: lossless before lossy, then the higher bit
    /// rate, then the lower hash.
    fn cmp_best_first(&self, other: &Recording) -> Ordering {
        let quality = |r: &Recording| {
            (
                Reverse(r.format.is_lossless()),
                Reverse(r.bit_rate),
                r.content,
            )
        };
        quality(self).cmp(&quality(other))
    }

    /// Takes in another description of the same audio: the one of the later reader is kept, of two by
    /// the same reader the lesser one, and the earlier time of the two. Each of the two is a maximum of
    /// an order, so that the outcome does not depend on who meets whom first.
    fn take_in(&mut self, other: Recording) {
        let added_at = self.added_at.min(other.added_at);
        let described = |r: Recording| Recording { added_at, ..r };
        let other = described(other);
        let own = described(self.clone());
        *self = match own.reader.cmp(&other.reader) {
            Ordering::Greater => own,
            Ordering::Less => other,
            Ordering::Equal => own.min(other),
        };
    }
}

fn is_first(reader: &u32) -> bool {
    *reader == 0
}

/// A number that older records write as 0 where it is unknown.
fn known<'de, D, T>(from: D) -> std::result::Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    let number = Option::deserialize(from)?;
    Ok(number.filter(|number| *number != T::default()))
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

    /// Whether an upload may add a recording with this audio: it is known, or there is room for one
    /// more.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRecordings`].
    pub fn admits(&self, content: &ContentHash) -> Result<()> {
        if self.recordings.len() >= RECORDINGS_MAX && self.recording(content).is_none() {
            return Err(Error::TooManyRecordings {
                limit: RECORDINGS_MAX,
            });
        }
        Ok(())
    }

    /// The same song as programs knew it that read only the first of several artists; `None` where they knew
    /// it by the same id.
    #[must_use]
    pub fn as_first_artist(&self) -> Option<Song> {
        let tags = self.tags().as_first_artist()?;
        Some(Song::new(Recording {
            tags,
            ..self.best().clone()
        }))
    }

    /// Whether this song, known by the first of several artists, was made of recordings with such tags by
    /// a program that read no more: then an upload of it belongs here, and is no new song. A recording
    /// that was not read anew since may be one.
    #[must_use]
    pub fn is_earlier_form_of(&self, tags: &Tags) -> bool {
        let is_such = |known: &Recording| {
            known.reader < READER_OF_ALL_ARTISTS || known.tags.artists().is_same(tags.artists())
        };
        let earlier = tags.as_first_artist();
        earlier.is_some_and(|earlier| earlier.song_id() == self.id)
            && self.recordings.iter().any(is_such)
    }

    /// Unites descriptions of the same audio, and puts the best recording first.
    fn settle(&mut self) {
        self.recordings.sort_by_key(|recording| recording.content);
        let mut united: Vec<Recording> = Vec::with_capacity(self.recordings.len());
        for recording in self.recordings.drain(..) {
            match united.last_mut() {
                Some(last) if last.content == recording.content => last.take_in(recording),
                _ => united.push(recording),
            }
        }
        united.sort_by(Recording::cmp_best_first);
        self.recordings = united;
        // Nearly all songs have one recording, and libraries keep many songs in memory.
        self.recordings.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recordings() -> impl Strategy<Value = Vec<Recording>> {
        let one = (0u8..12, 0i64..3, 0u8..2, 0u32..3).prop_map(|(hash, at, case, reader)| {
            Recording {
                content: ContentHash::from_bytes([hash; 32]),
                format: if hash % 2 == 0 {
                    Format::Flac
                } else {
                    Format::Mp3
                },
                size: 1,
                duration_ms: Some(1),
                // A later reader may see another bit rate in the same audio.
                bit_rate: Some(u32::from(hash % 3) + reader).filter(|rate| *rate > 0),
                tags: Tags::new(if case == 0 { "Song" } else { "SONG" }, "a", "").unwrap(),
                has_artwork: false,
                added_at: Timestamp::from_millisecond(at).unwrap(),
                reader,
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
    fn a_merge_loses_no_recording_however_many_there_are() {
        let one = |hash: u16| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&hash.to_be_bytes());
            Recording {
                content: ContentHash::from_bytes(bytes),
                format: Format::Mp3,
                size: 1,
                duration_ms: Some(1),
                bit_rate: Some(1),
                tags: Tags::new("t", "", "").unwrap(),
                has_artwork: false,
                added_at: Timestamp::UNIX_EPOCH,
                reader: 0,
            }
        };
        let half =
            |range: std::ops::Range<u16>| Song::from_recordings(range.map(one).collect()).unwrap();
        let both = merged(&half(0..200), &half(200..400));
        assert_eq!(both.recordings().len(), 400);
        let new = ContentHash::from_bytes([9; 32]);
        assert!(matches!(
            both.admits(&new),
            Err(Error::TooManyRecordings {
                limit: RECORDINGS_MAX
            })
        ));
        assert!(both.admits(&one(7).content).is_ok(), "it is known");
        assert!(half(0..255).admits(&new).is_ok());
    }

    #[test]
    fn what_older_records_write_as_0_is_unknown() {
        let recording = |duration: serde_json::Value| {
            serde_json::json!({
                "content": "00".repeat(32), "format": "flac", "size": 1, "durationMs": duration, "bitRate": 0,
                "tags": { "title": "t", "artist": "", "album": "" }, "hasArtwork": false,
                "addedAt": "2026-01-01T00:00:00Z" })
        };
        for (written, read) in [
            (0.into(), None),
            (serde_json::Value::Null, None),
            (7.into(), Some(7)),
        ] {
            let recording: Recording = serde_json::from_value(recording(written)).unwrap();
            assert_eq!((recording.duration_ms, recording.bit_rate), (read, None));
            let again = serde_json::to_value(&recording).unwrap();
            assert_eq!(again["durationMs"], serde_json::json!(read));
            assert!(again["bitRate"].is_null());
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
