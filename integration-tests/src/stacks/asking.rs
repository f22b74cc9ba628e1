//! Services for people who show a credential, and somebody who shows it.
//!
//! With [`Asking`] below and [`AsCaller`] on top, a layer between them that does not hand the credential on with each
//! of its calls keeps no promise.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    Lyrics, MusicService, NewSong, Page, Query, Result, Song, SongId, Status, Upload,
};
use tokio::sync::Semaphore;

use crate::conformance::{Machines, Running, Stack, key};

/// A service that answers those who have shown the [`key`] alone.
#[derive(Debug, Clone)]
pub struct Door {
    below: Arc<dyn MusicService>,
    shown: Option<Credential>,
    /// How many questions came.
    pub asked: Arc<AtomicUsize>,
    /// Permits for answers.
    pub answers: Arc<Semaphore>,
}

impl Door {
    /// A door before a service. It does not keep anybody waiting.
    #[must_use]
    pub fn before(below: Arc<dyn MusicService>) -> Door {
        Door {
            below,
            shown: None,
            asked: Arc::default(),
            answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    async fn open(&self) -> Result<&dyn MusicService> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Ok(permit) = self.answers.acquire().await {
            permit.forget();
        }
        match self.shown == Some(key()) {
            true => Ok(&*self.below),
            false => Err(Error::NotSignedIn),
        }
    }
}

#[async_trait]
impl MusicService for Door {
    fn for_caller(&self, credential: &Credential) -> Option<Arc<dyn MusicService>> {
        Some(Arc::new(Door {
            shown: Some(credential.clone()),
            ..self.clone()
        }))
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.open().await?.song(id).await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.open().await?.copies(id).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.open().await?.search(query).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.open().await?.browse(browse).await
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        self.open().await?.upload(song).await
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.open().await?.audio(request).await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        self.open().await?.artwork(request).await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        self.open().await?.lyrics(id).await
    }

    async fn status(&self) -> Result<Status> {
        self.open().await?.status().await
    }

    async fn servers(&self) -> Result<Vec<String>> {
        self.open().await?.servers().await
    }
}

/// A stack behind doors.
#[derive(Debug)]
pub struct Asking<S>(pub S);

/// A stack, as somebody asks it who has the [`key`].
#[derive(Debug)]
pub struct AsCaller<S>(pub S);

/// A running stack, each service of which is another one.
struct Changed {
    below: Box<dyn Running>,
    change: fn(Arc<dyn MusicService>) -> Arc<dyn MusicService>,
}

fn behind_a_door(service: Arc<dyn MusicService>) -> Arc<dyn MusicService> {
    Arc::new(Door::before(service))
}

fn for_whoever_has_the_key(service: Arc<dyn MusicService>) -> Arc<dyn MusicService> {
    service.for_caller(&key()).unwrap_or(service)
}

#[async_trait]
impl<S: Stack> Stack for Asking<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let (below, change) = (self.0.start().await?, behind_a_door as _);
        Ok(Box::new(Changed { below, change }))
    }
}

#[async_trait]
impl<S: Stack> Stack for AsCaller<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let (below, change) = (self.0.start().await?, for_whoever_has_the_key as _);
        Ok(Box::new(Changed { below, change }))
    }
}

#[async_trait]
impl Running for Changed {
    fn service(&self) -> Arc<dyn MusicService> {
        (self.change)(self.below.service())
    }

    fn faces(&self) -> Vec<Arc<dyn MusicService>> {
        let faces = self.below.faces().into_iter();
        faces.map(self.change).collect()
    }

    async fn restart(&mut self) -> Result<bool, String> {
        self.below.restart().await
    }

    async fn reach(&mut self, machines: Machines) -> Result<bool, String> {
        self.below.reach(machines).await
    }

    async fn stop(self: Box<Self>) {
        self.below.stop().await;
    }
}
