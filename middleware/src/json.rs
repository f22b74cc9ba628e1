//! The JSON of the HTTP interface, read: parsed once, here, into the types of the contract.
//!
//! What a server says is not believed: an id must fit its song, a song must be the one that was
//! asked for, a page must not be longer than it may be.

use jiff::Timestamp;
use kadenza_services::{
    ContentHash, Cursor, Failure, Format, Group, Page, Recording, Song, SongId, Tags,
};
use serde::{Deserialize, de::DeserializeOwned};

/// What an answer was found to be instead of what it should have been.
pub(crate) type Nonsense = String;

/// Before the code of an error in the `type` of a problem document.
const PROBLEM_TYPE: &str = "urn:kadenza:error:";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordingJson {
    title: String,
    #[serde(default)]
    artist: String,
    #[serde(default)]
    album: String,
    track: Option<u32>,
    disc: Option<u32>,
    year: Option<u32>,
    genre: Option<String>,
    duration_ms: u64,
    size: u64,
    content_hash: ContentHash,
    added_at: Timestamp,
    format: Format,
    bit_rate: u32,
    has_artwork: bool,
}

/// A song: its best recording, and all of them if there are several.
#[derive(Debug, Deserialize)]
pub(crate) struct SongJson {
    id: SongId,
    #[serde(flatten)]
    best: RecordingJson,
    #[serde(default)]
    recordings: Vec<RecordingJson>,
}

impl RecordingJson {
    fn parse(self) -> Result<Recording, Nonsense> {
        let tags = Tags::new(&self.title, &self.artist, &self.album)
            .map_err(|_| "a song without a title")?
            .with_track(self.track)
            .with_disc(self.disc)
            .with_year(self.year)
            .with_genre(self.genre.as_deref());
        Ok(Recording {
            content: self.content_hash,
            format: self.format,
            size: self.size,
            duration_ms: self.duration_ms,
            bit_rate: self.bit_rate,
            tags,
            has_artwork: self.has_artwork,
            added_at: self.added_at,
        })
    }
}

impl SongJson {
    pub(crate) fn parse(self) -> Result<Song, Nonsense> {
        let all = if self.recordings.is_empty() {
            vec![self.best]
        } else {
            self.recordings
        };
        let recordings: Result<Vec<_>, _> = all.into_iter().map(RecordingJson::parse).collect();
        let song = Song::from_recordings(recordings?).map_err(|error| error.to_string())?;
        if song.id() == self.id {
            Ok(song)
        } else {
            Err("a song whose id does not fit its title, artist and album".into())
        }
    }

    /// The song, if it is the one that was asked for.
    pub(crate) fn parse_as(self, id: &SongId) -> Result<Song, Nonsense> {
        let song = self.parse()?;
        if song.id() == *id {
            Ok(song)
        } else {
            Err("another song than the one that was asked for".into())
        }
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct PageJson<T> {
    items: Vec<T>,
    next: Option<Cursor>,
}

impl<T> PageJson<T> {
    pub(crate) fn parse<U>(
        self,
        items_max: usize,
        item: impl Fn(T) -> Result<U, Nonsense>,
    ) -> Result<Page<U>, Nonsense> {
        if self.items.len() > items_max {
            return Err(format!(
                "{} items on a page of {items_max}",
                self.items.len()
            ));
        }
        let items: Result<Vec<U>, _> = self.items.into_iter().map(item).collect();
        Ok(Page {
            items: items?,
            next: self.next,
        })
    }
}

/// An artist, an album or a genre.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupJson {
    name: String,
    artist: Option<String>,
    songs: u64,
    duration_ms: u64,
    year: Option<u32>,
    song: SongId,
}

impl GroupJson {
    pub(crate) fn parse(self) -> Group {
        Group {
            name: self.name,
            artist: self.artist,
            songs: self.songs,
            duration_ms: self.duration_ms,
            year: self.year,
            first: self.song,
        }
    }
}

/// The servers that a server knows.
#[derive(Debug, Deserialize)]
pub(crate) struct ServersJson {
    pub(crate) items: Vec<String>,
}

/// A problem document (RFC 9457).
#[derive(Debug, Deserialize)]
struct ProblemJson {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    detail: String,
    number: Option<u64>,
    reached: Option<u64>,
}

/// The failure that a problem document tells of, if it is one of this interface.
pub(crate) fn problem(body: &[u8]) -> Option<Failure> {
    let problem: ProblemJson = serde_json::from_slice(body).ok()?;
    let code = problem.kind.strip_prefix(PROBLEM_TYPE)?;
    Some(Failure {
        code: code.to_owned(),
        detail: problem.detail,
        number: problem.number,
        reached: problem.reached,
    })
}

/// Reads a JSON body.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Nonsense> {
    serde_json::from_slice(body)
        .map_err(|error| format!("not the JSON that was asked for: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn song() -> serde_json::Value {
        json!({ "id": SongId::of("Title", "Artist", "Album"), "title": "Title", "artist": "Artist",
            "album": "Album", "track": 3, "disc": null, "year": 1999, "genre": null,
            "durationMs": 1000, "size": 10, "contentType": "audio/flac",
            "contentHash": "11".repeat(32), "addedAt": "2026-01-01T00:00:00Z", "format": "flac",
            "bitRate": 900, "hasArtwork": true })
    }

    fn parse(song: &serde_json::Value) -> Result<Song, Nonsense> {
        read::<SongJson>(song.to_string().as_bytes())?.parse()
    }

    #[test]
    fn a_song_with_one_recording_is_read_from_its_top() {
        let read = parse(&song()).unwrap();
        assert_eq!(read.recordings().len(), 1);
        assert_eq!(read.tags().track(), Some(3));
        assert_eq!(read.best().format, Format::Flac);
        assert!(read.best().has_artwork);
    }

    #[test]
    fn a_song_with_several_recordings_keeps_them_all() {
        let (mut whole, best) = (song(), song());
        let mut other = song();
        other["contentHash"] = json!("22".repeat(32));
        other["format"] = json!("mp3");
        whole["recordings"] = json!([best, other]);
        let read = parse(&whole).unwrap();
        assert_eq!(read.recordings().len(), 2);
        assert_eq!(read.best().format, Format::Flac);
    }

    #[test]
    fn a_song_whose_id_does_not_fit_is_refused() {
        let mut forged = song();
        forged["title"] = json!("Another");
        assert!(parse(&forged).is_err());
        let honest = read::<SongJson>(song().to_string().as_bytes()).unwrap();
        assert!(honest.parse_as(&SongId::of("x", "", "")).is_err());
    }

    #[test]
    fn a_page_that_is_too_long_is_refused() {
        let page = || read::<PageJson<u8>>(br#"{"items":[1,2,3],"next":null}"#).unwrap();
        assert_eq!(page().parse(3, Ok).unwrap().items, [1, 2, 3]);
        assert!(page().parse(2, Ok).is_err());
    }

    #[test]
    fn only_our_own_problems_are_problems() {
        let ours = json!({ "type": "urn:kadenza:error:too-few", "title": "t", "status": 503,
            "detail": "d", "number": 2, "reached": 1 });
        let failure = problem(ours.to_string().as_bytes()).unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.number, failure.reached),
            ("too-few", Some(2), Some(1))
        );
        assert!(problem(br#"{"type":"about:blank","title":"Not Found","status":404}"#).is_none());
        assert!(problem(b"<html>404</html>").is_none());
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_parsers(body in "\\PC{0,200}|[\\[\\]{}\",:0-9a-z]{0,200}") {
            let _ = problem(body.as_bytes());
            let _ = read::<SongJson>(body.as_bytes()).and_then(SongJson::parse);
            let _ = read::<PageJson<GroupJson>>(body.as_bytes());
        }
    }
}
