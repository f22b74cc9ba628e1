//! A library whose uploads end at its door, so that it stays as it is.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    Lyrics, MusicService, NewSong, Page, Query, Result, Song, SongId, Status, Upload,
};
use kadenza_library::Library;

/// A library, and a door that takes nothing in.
#[derive(Debug)]
pub(super) struct Closed(pub(super) Library);

#[async_trait]
impl MusicService for Closed {
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.0.song(id).await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.0.copies(id).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.0.search(query).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.0.browse(browse).await
    }

    async fn upload(&self, mut song: NewSong) -> Result<Upload> {
        while let Some(piece) = song.audio.next().await {
            piece?;
        }
        Err(Error::NotAudio {
            what: "nothing is taken in".to_owned(),
        })
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.0.audio(request).await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        self.0.artwork(request).await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        self.0.lyrics(id).await
    }

    async fn status(&self) -> Result<Status> {
        self.0.status().await
    }

    async fn servers(&self) -> Result<Vec<String>> {
        self.0.servers().await
    }
}
