//! Several services that say they are one, put to the test: every call goes to another of them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Group,
    MusicService, NewSong, Page, Query, Result, Song, SongId, Status, Upload,
};

/// Asks each of several services in turn. What one of them acknowledged, the next must know.
#[derive(Debug)]
pub struct Spread {
    services: Vec<Arc<dyn MusicService>>,
    turn: AtomicUsize,
}

impl Spread {
    /// Over these services.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn over(services: Vec<Arc<dyn MusicService>>) -> Spread {
        assert!(!services.is_empty(), "there must be someone to ask");
        let turn = AtomicUsize::new(0);
        Spread { services, turn }
    }

    fn next(&self) -> &dyn MusicService {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.services[turn % self.services.len()].as_ref()
    }
}

#[async_trait]
impl MusicService for Spread {
    fn for_caller(&self, credential: &Credential) -> Option<Arc<dyn MusicService>> {
        let for_caller = |service: &Arc<dyn MusicService>| {
            let theirs = service.for_caller(credential);
            theirs.unwrap_or_else(|| Arc::clone(service))
        };
        let services = self.services.iter().map(for_caller).collect();
        Some(Arc::new(Spread::over(services)))
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.next().song(id).await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.next().copies(id).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.next().search(query).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.next().browse(browse).await
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        self.next().upload(song).await
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.next().audio(request).await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<kadenza_contract::Lyrics>> {
        self.next().lyrics(id).await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        self.next().artwork(request).await
    }

    async fn status(&self) -> Result<Status> {
        self.next().status().await
    }

    async fn servers(&self) -> Result<Vec<String>> {
        self.next().servers().await
    }
}
