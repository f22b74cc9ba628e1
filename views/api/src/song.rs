//! Songs as JSON.
//!
//! The fields of the best recording stand in the song itself. All recordings are listed too, the best
//! first, so that a program that reads every field can build the same [`Song`].

use std::borrow::Cow;

use jiff::Timestamp;
use kadenza_contract::{ContentHash, Entry, Format, Names, Recording, Song, SongId, Tags};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Unreadable,
    details::DetailsJson,
    schemas::{FormatSchema, HashSchema},
};

/// A song, with the fields of its best recording, or of the one that it stands for in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Song, description = "A song, with the fields of the recording to play.")]
pub struct SongJson<'a> {
    #[schema(value_type = HashSchema)]
    id: SongId,
    #[serde(flatten)]
    best: RecordingJson<'a>,
    /// All recordings, the best first. A list leaves them out where there is only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, min_items = 1)]
    recordings: Vec<RecordingJson<'a>>,
    /// Only in a list of an album, and of a song that is at several places of it: the content hash of the recording
    /// that this item stands for, whose fields are those of the item. `?recording=` plays it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = HashSchema, required = false)]
    recording: Option<ContentHash>,
}

/// A recording of a song.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Recording)]
pub struct RecordingJson<'a> {
    #[schema(value_type = String)]
    title: Cow<'a, str>,
    /// All artists in one text; empty where there is none.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    artist: Cow<'a, str>,
    /// Each artist, in order.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = true)]
    artists: Vec<Cow<'a, str>>,
    /// Empty where there is none.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    album: Cow<'a, str>,
    /// The number on its disc.
    #[schema(required = true)]
    track: Option<u32>,
    /// The number of the disc.
    #[schema(required = true)]
    disc: Option<u32>,
    /// The year in which it came out.
    #[schema(required = true)]
    year: Option<u32>,
    /// All genres in one text.
    #[schema(value_type = Option<String>, required = true)]
    genre: Option<Cow<'a, str>>,
    /// Each genre.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = true)]
    genres: Vec<Cow<'a, str>>,
    /// The artists of the album in one text, where the file names them.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = true)]
    album_artist: Option<Cow<'a, str>>,
    /// Each artist of the album, where the file names them.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = true)]
    album_artists: Vec<Cow<'a, str>>,
    /// Whether the file says that its album is of many artists.
    #[serde(default)]
    #[schema(required = true)]
    compilation: bool,
    /// The artists by which the song is known, where others were read of the same audio later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    identity_artists: Vec<Cow<'a, str>>,
    #[serde(flatten)]
    details: DetailsJson,
    /// In milliseconds; `null` where it is not known.
    #[schema(required = true)]
    duration_ms: Option<u64>,
    /// In bytes.
    size: u64,
    /// The media type of the audio.
    // It is not read back, since the format implies it.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    content_type: Cow<'a, str>,
    #[schema(value_type = HashSchema)]
    content_hash: ContentHash,
    #[schema(inline, value_type = FormatSchema)]
    format: Format,
    /// In kbit/s; `null` where it is not known.
    #[schema(required = true)]
    bit_rate: Option<u32>,
    has_artwork: bool,
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
    /// The version of the reader that described the audio.
    #[serde(default)]
    #[schema(value_type = u32, required = true)]
    reader: u32,
}

fn list(names: &Names) -> Vec<Cow<'_, str>> {
    names.values().map(Cow::Borrowed).collect()
}

impl<'a> RecordingJson<'a> {
    /// The JSON of a recording.
    #[must_use]
    pub fn new(recording: &'a Recording) -> RecordingJson<'a> {
        let tags = &recording.tags;
        RecordingJson {
            title: tags.title().into(),
            artist: tags.artist().into(),
            artists: list(tags.artists()),
            album: tags.album().into(),
            track: tags.track(),
            disc: tags.disc(),
            year: tags.year(),
            genre: tags.genre().map(Cow::Borrowed),
            genres: list(tags.genres()),
            album_artist: Some(tags.album_artists().joined())
                .filter(|named| !named.is_empty())
                .map(Cow::Borrowed),
            album_artists: list(tags.album_artists()),
            compilation: tags.is_compilation(),
            identity_artists: tags.identity().map(list).unwrap_or_default(),
            details: tags.details().map(DetailsJson::new).unwrap_or_default(),
            duration_ms: recording.duration_ms,
            size: recording.size,
            content_type: recording.format.content_type().into(),
            content_hash: recording.content,
            format: recording.format,
            bit_rate: recording.bit_rate,
            has_artwork: recording.has_artwork,
            added_at: recording.added_at,
            reader: recording.reader,
        }
    }

    /// The recording that this JSON tells of.
    ///
    /// # Errors
    ///
    /// Its tags break the rules of the contract.
    pub fn parse(self) -> Result<Recording, Unreadable> {
        let names = |values: &[Cow<'_, str>]| Names::new(values.iter().map(|value| &**value));
        let mut tags = Tags::new(&self.title, &self.artist, &self.album)
            .map_err(|_| "a song without a title")?
            .with_track(self.track)
            .with_disc(self.disc)
            .with_year(self.year)
            .with_genre(self.genre.as_deref())
            .with_album_artists(&names(&self.album_artists))
            .with_compilation(self.compilation)
            .with_details(self.details.parse());
        // A server of before there were several tells the text alone.
        if !self.artists.is_empty() {
            tags = tags.with_artists(names(&self.artists));
        }
        if !self.genres.is_empty() {
            tags = tags.with_genres(names(&self.genres));
        }
        let identity = Some(names(&self.identity_artists)).filter(|names| !names.is_empty());
        let tags = tags.with_identity(identity);
        Ok(Recording {
            content: self.content_hash,
            format: self.format,
            size: self.size,
            duration_ms: self.duration_ms.filter(|ms| *ms > 0),
            bit_rate: self.bit_rate.filter(|rate| *rate > 0),
            tags,
            has_artwork: self.has_artwork,
            added_at: self.added_at,
            reader: self.reader,
        })
    }
}

impl<'a> SongJson<'a> {
    /// The JSON of a song by itself, with all its recordings.
    #[must_use]
    pub fn new(song: &'a Song) -> SongJson<'a> {
        SongJson {
            id: song.id(),
            best: RecordingJson::new(song.best()),
            recordings: song.recordings().iter().map(RecordingJson::new).collect(),
            recording: None,
        }
    }

    /// The JSON of an item of a list: most songs have one recording, and it is not told twice.
    #[must_use]
    pub fn in_list(entry: &'a Entry) -> SongJson<'a> {
        let mut json = SongJson::new(entry.song());
        if json.recordings.len() == 1 {
            json.recordings.clear();
        }
        if let Some(content) = entry.pinned() {
            json.best = RecordingJson::new(entry.recording());
            json.recording = Some(*content);
        }
        json
    }

    /// The item of a list that this JSON tells of.
    ///
    /// # Errors
    ///
    /// As for [`parse`](SongJson::parse), or its song does not have its recording.
    pub fn parse_in_list(self) -> Result<Entry, Unreadable> {
        let recording = self.recording;
        Entry::new(self.parse()?, recording).map_err(|error| error.to_string())
    }

    /// The song that this JSON tells of.
    ///
    /// # Errors
    ///
    /// Its recordings do not make a song, or its id does not fit its names.
    pub fn parse(self) -> Result<Song, Unreadable> {
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
    ///
    /// # Errors
    ///
    /// As for [`parse`](SongJson::parse), or it is another song.
    pub fn parse_as(self, id: &SongId) -> Result<Song, Unreadable> {
        let song = self.parse()?;
        if song.id() == *id {
            Ok(song)
        } else {
            Err("another song than the one that was asked for".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::read;

    fn song() -> serde_json::Value {
        json!({ "id": SongId::of("Title", "Artist", "Album"), "title": "Title", "artist": "Artist",
            "album": "Album", "track": 3, "disc": null, "year": 1999, "genre": null,
            "durationMs": 1000, "size": 10, "contentType": "audio/flac",
            "contentHash": "11".repeat(32), "format": "flac", "bitRate": 900, "hasArtwork": true,
            "addedAt": "2026-01-01T00:00:00Z" })
    }

    fn parse(song: &serde_json::Value) -> Result<Song, Unreadable> {
        read::<SongJson<'_>>(song.to_string().as_bytes())?.parse()
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
    fn what_is_written_is_what_is_read() {
        let mut two = song();
        let (best, mut other) = (song(), song());
        other["contentHash"] = json!("22".repeat(32));
        two["recordings"] = json!([best, other]);
        for song in [song(), two] {
            let song = parse(&song).unwrap();
            let entry = Entry::of(song.clone());
            for json in [SongJson::new(&song), SongJson::in_list(&entry)] {
                let written = serde_json::to_vec(&json).unwrap();
                let again = read::<SongJson<'_>>(&written).unwrap().parse();
                assert_eq!(again.as_ref(), Ok(&song));
            }
        }
    }

    #[test]
    fn an_entry_has_the_fields_of_its_recording() {
        let (mut two, best, mut other) = (song(), song(), song());
        other["contentHash"] = json!("22".repeat(32));
        other["track"] = json!(7);
        two["recordings"] = json!([best, other]);
        let entries = Entry::on_album(parse(&two).unwrap());
        assert_eq!(entries.len(), 2);
        for (entry, track) in entries.iter().zip([3, 7]) {
            let json = serde_json::to_value(SongJson::in_list(entry)).unwrap();
            let content = entry.recording().content.to_string();
            let told = [&json["track"], &json["recording"], &json["contentHash"]];
            assert_eq!(told, [&json!(track), &json!(content), &json!(content)]);
            assert_eq!(json["recordings"].as_array().unwrap().len(), 2);
            let written = json.to_string();
            let again = read::<SongJson<'_>>(written.as_bytes()).unwrap();
            assert_eq!(again.parse_in_list().as_ref(), Ok(entry));
        }
        let mut forged = two;
        forged["recording"] = json!("33".repeat(32));
        let forged =
            read::<SongJson<'_>>(forged.to_string().as_bytes()).map(SongJson::parse_in_list);
        assert!(forged.unwrap().is_err());
    }

    #[test]
    fn a_song_whose_id_does_not_fit_is_refused() {
        let mut forged = song();
        forged["title"] = json!("Another");
        assert!(parse(&forged).is_err());
        let honest = read::<SongJson<'_>>(song().to_string().as_bytes()).unwrap();
        assert!(honest.parse_as(&SongId::of("x", "", "")).is_err());
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_parser_of_songs(body in "\\PC{0,200}|[\\[\\]{}\",:0-9a-z]{0,200}") {
            let _ = read::<SongJson<'_>>(body.as_bytes()).and_then(SongJson::parse);
        }
    }
}
