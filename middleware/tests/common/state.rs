//! What the servers of a test hold: songs, faults, and the requests that came.

use std::sync::{Arc, atomic::AtomicUsize};

use bytes::Bytes;
use kadenza_contract::{ContentHash, Format, Recording, Song, SongId, Tags};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::fault::Fault;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn is_audio(&self) -> bool {
        self.path.ends_with("/audio")
    }

    pub fn is_upload(&self) -> bool {
        self.method == "POST"
    }

    pub fn is_health(&self) -> bool {
        self.path == "/health"
    }

    pub fn is_search(&self) -> bool {
        self.path == "/api/v1/songs" && self.method == "GET"
    }
}

/// The service that all servers of a test offer: songs in memory.
#[derive(Debug, Default)]
pub struct Music {
    songs: Mutex<Vec<(Song, Bytes)>>,
    /// How many uploads ended before their body did.
    pub broken_uploads: Mutex<u32>,
}

impl Music {
    pub fn new() -> Arc<Music> {
        Arc::default()
    }

    /// Adds a song; `None` if there is one of this name.
    pub fn add(&self, title: &str, audio: impl Into<Bytes>) -> Option<SongId> {
        let audio = audio.into();
        let song = Song::new(Recording {
            content: ContentHash::of(&audio),
            format: Format::Flac,
            size: audio.len() as u64,
            duration_ms: Some(1000),
            bit_rate: Some(900),
            tags: Tags::new(title, "artist", "album").unwrap(),
            has_artwork: false,
            added_at: jiff::Timestamp::now(),
            reader: 0,
        });
        let id = song.id();
        let mut songs = self.songs.lock();
        if songs.iter().any(|(song, _)| song.id() == id) {
            return None;
        }
        songs.push((song, audio));
        Some(id)
    }

    pub fn find(&self, id: &str) -> Option<(Song, Bytes)> {
        let songs = self.songs.lock();
        songs
            .iter()
            .find(|(song, _)| song.id().to_string() == id)
            .cloned()
    }

    pub fn count(&self) -> usize {
        self.songs.lock().len()
    }

    pub fn all(&self) -> Vec<Value> {
        self.songs
            .lock()
            .iter()
            .map(|(song, _)| song_json(song))
            .collect()
    }
}

pub fn song_json(song: &Song) -> Value {
    let best = song.best();
    let tags = song.tags();
    json!({ "id": song.id(), "title": tags.title(), "artist": tags.artist(), "album": tags.album(),
        "track": tags.track(), "disc": tags.disc(), "year": tags.year(), "genre": tags.genre(),
        "durationMs": best.duration_ms, "size": best.size,
        "contentType": best.format.content_type(), "contentHash": best.content,
        "addedAt": best.added_at, "format": best.format, "bitRate": best.bit_rate,
        "hasArtwork": best.has_artwork })
}

/// Says what to do with a request.
pub(super) type Faults = Box<dyn FnMut(&Request) -> Fault + Send>;

/// What a server and its connections share.
pub(super) struct Inner {
    pub(super) music: Arc<Music>,
    pub(super) faults: Mutex<Faults>,
    pub(super) seen: Mutex<Vec<Request>>,
    pub(super) listed: Mutex<Vec<String>>,
    pub(super) connections: Mutex<Vec<JoinHandle<()>>>,
    pub(super) sent: AtomicUsize,
}
