//! Answers from below that come late: whoever asks after an upload must not be told of before it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Group,
    MusicService, MusicServiceExt, NewSong, Page, Query, Result, Song, SongId, Stated, Status,
    Upload,
};
use kadenza_integration_tests::{fixtures::AudioFile, memory::Memory};
use kadenza_services::cache::{Cached, CachedConfig, Capacity, Embedded, Policy};
use tokio::sync::Semaphore;

/// Knows an answer at once, and gives it only when it is let.
#[derive(Debug)]
struct Late {
    below: Memory,
    /// A permit for each answer that waits.
    known: Semaphore,
    let_go: Semaphore,
}

impl Late {
    async fn hold(&self) {
        self.known.add_permits(1);
        self.let_go.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl MusicService for Late {
    /// It does not look at who asks, and neither does what is below.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        let answer = self.below.song(id).await;
        self.hold().await;
        answer
    }
    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.below.copies(id).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        let answer = self.below.search(query).await;
        self.hold().await;
        answer
    }
    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.below.browse(browse).await
    }
    async fn upload(&self, song: NewSong) -> Result<Upload> {
        self.below.upload(song).await
    }
    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.below.audio(request).await
    }
    async fn lyrics(&self, id: &SongId) -> Result<Option<kadenza_contract::Lyrics>> {
        self.below.lyrics(id).await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        self.below.artwork(request).await
    }
    async fn status(&self) -> Result<Status> {
        self.below.status().await
    }
    async fn servers(&self) -> Result<Vec<String>> {
        self.below.servers().await
    }
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Song,
    Search,
}

/// True if the song is found.
async fn finds(cached: Arc<Cached>, ask: Ask, id: SongId) -> bool {
    match ask {
        Ask::Song => cached.song(&id).await.unwrap().is_some(),
        Ask::Search => {
            let page = cached.search(&Query::words("late").unwrap()).await;
            !page.unwrap().items.is_empty()
        }
    }
}

#[tokio::test]
async fn a_question_after_an_upload_shares_no_answer_from_before_it() {
    let file = AudioFile::named("Late", "Artist", "Album");
    let elsewhere = Memory::default();
    let upload = elsewhere.upload_bytes(file.bytes(), Stated::default());
    let id = upload.await.unwrap().song.id();
    for ask in [Ask::Song, Ask::Search] {
        let below = Arc::new(Late {
            below: Memory::default(),
            known: Semaphore::new(0),
            let_go: Semaphore::new(0),
        });
        let store = || {
            let (bytes, entries) = (1 << 20, 100);
            let capacity = Capacity { bytes, entries };
            Arc::new(Embedded::new("one", capacity, Policy::default()))
        };
        let service = Arc::clone(&below) as Arc<dyn MusicService>;
        let cached = Cached::new(service, store(), store(), CachedConfig::default());
        let cached = Arc::new(cached);

        let before = tokio::spawn(finds(Arc::clone(&cached), ask, id));
        below.known.acquire().await.unwrap().forget();
        let upload = cached.upload_bytes(file.bytes(), Stated::default());
        upload.await.unwrap();
        let after = tokio::spawn(finds(Arc::clone(&cached), ask, id));
        // One that shares the answer under way never gets here.
        let asked = below.known.acquire();
        let asked = tokio::time::timeout(Duration::from_secs(10), asked).await;
        asked.expect("it asks for itself").unwrap().forget();
        below.let_go.add_permits(2);
        assert!(!before.await.unwrap(), "{ask:?}");
        assert!(after.await.unwrap(), "{ask:?}");
    }
}
