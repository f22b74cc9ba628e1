//! The cache: the suite with one in front, nodes that die, and what it remembers.

mod access;
mod answers;
mod callers;
mod late;
mod policies;
mod processes;
mod redis;
mod returns;
mod stores;
mod suite;

use std::sync::Arc;

use kadenza_contract::{MusicService, MusicServiceExt, SongId, Stated};
use kadenza_integration_tests::fixtures::AudioFile;
use kadenza_notes::{CacheOutcome, Notes};
use kadenza_services::{
    Library,
    cache::{Cached, CachedConfig, Capacity, Embedded, Policy, Store},
    library::LibraryConfig,
};

pub(crate) fn embedded(name: &str, entries: usize, policy: Policy) -> Arc<dyn Store> {
    let bytes = 32 << 20;
    Arc::new(Embedded::new(name, Capacity { bytes, entries }, policy))
}

async fn library(songs: usize) -> (tempfile::TempDir, Arc<dyn MusicService>, Vec<SongId>) {
    let directory = tempfile::TempDir::new().unwrap();
    let config = LibraryConfig {
        disk_reserve_bytes: 0,
        ..LibraryConfig::default()
    };
    let library = Library::open(directory.path(), config).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..songs {
        let file = AudioFile::named(&format!("Song {n}"), "Artist", "Album");
        let upload = library.upload_bytes(file.bytes(), Stated::default());
        ids.push(upload.await.unwrap().song.id());
    }
    (directory, Arc::new(library), ids)
}

async fn outcome_of<T>(call: impl Future<Output = T>) -> (T, Option<CacheOutcome>) {
    let (answer, notes) = Notes::collect(call).await;
    (answer, notes.caches.last().map(|note| note.outcome))
}

/// A cache with these nodes for answers.
fn over(answers: Arc<dyn Store>, library: Arc<dyn MusicService>) -> Cached {
    let covers = embedded("covers", 10, Policy::default());
    Cached::new(library, answers, covers, CachedConfig::default())
}

/// Asks for each song, which must come; how many came from the cache.
async fn hits(cached: &Cached, ids: &[SongId]) -> usize {
    let mut hits = 0;
    for id in ids {
        let (song, outcome) = outcome_of(cached.song(id)).await;
        assert_eq!(song.unwrap().unwrap().id(), *id);
        hits += usize::from(outcome == Some(CacheOutcome::Hit));
    }
    hits
}
