//! A store on a disk: a library, and a directory for what the node remembers.

use std::{io, ops::Range, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_audio::ChunkSource;
use kadenza_contract::{
    Artwork, Browse, Chunks, ContentHash, Entry, FromPath, Group, Lyrics, NewSong, Page, Query,
    Result, Song, SongId, StorageStatus,
};
use kadenza_library::{Card, Counts, Following, Library, Receipt, Receiving, Staged};
use tokio::task::spawn_blocking;

use super::store::{Arriving, StagedUpload, Store};
use crate::keep;

/// A library and a directory.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) library: Library,
    pub(crate) directory: PathBuf,
}

#[async_trait]
impl Store for Disk {
    async fn stage(&self, new: NewSong) -> Result<Arc<dyn StagedUpload>> {
        Ok(Arc::new(self.library.stage(new).await?))
    }

    async fn receive(&self, song: Song, chunks: Chunks) -> Result<Option<Arc<dyn Arriving>>> {
        Ok(match self.library.receive(song, chunks).await? {
            Receipt::Held => None,
            Receipt::Receiving(receiving) => Some(Arc::new(receiving)),
        })
    }

    async fn add_cards(&self, songs: Vec<Song>) -> Result<()> {
        self.library.add_cards(songs).await
    }

    async fn card(&self, id: &SongId) -> Result<Option<Card>> {
        self.library.card(id).await
    }

    async fn cards_after(&self, after: Option<SongId>, limit: usize) -> Result<Vec<Card>> {
        self.library.cards_after(after, limit).await
    }

    fn follow(&self) -> Following {
        self.library.follow()
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.library.search_cards(query).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.library.browse_cards(browse).await
    }

    async fn chunks(&self, content: &ContentHash) -> Result<Option<Arc<Chunks>>> {
        self.library.chunks(content).await
    }

    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>> {
        self.library.read(content, range).await
    }

    async fn source(&self, content: &ContentHash) -> Result<Option<Arc<dyn ChunkSource>>> {
        self.library.source(content).await
    }

    async fn artwork(&self, content: &ContentHash, size: Option<u32>) -> Result<Option<Artwork>> {
        self.library.artwork_of(content, size).await
    }

    async fn lyrics(&self, content: &ContentHash) -> Result<Option<Lyrics>> {
        self.library.lyrics_of(content).await
    }

    async fn drop_audio(&self, song: &SongId, content: &ContentHash) -> Result<()> {
        self.library.drop_audio(song, content).await
    }

    async fn drop_card(&self, id: &SongId) -> Result<()> {
        self.library.drop_card(id).await
    }

    fn generation(&self) -> u64 {
        self.library.generation()
    }

    fn counts(&self) -> Counts {
        self.library.counts()
    }

    async fn storage(&self) -> Result<StorageStatus> {
        self.library.storage().await
    }

    async fn remembered(&self, name: &'static str) -> io::Result<Option<Vec<u8>>> {
        let path = self.directory.join(name);
        let read = spawn_blocking(move || match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        read.await.map_err(io::Error::other)?
    }

    async fn remember(&self, name: &'static str, bytes: Vec<u8>) -> io::Result<()> {
        let path = self.directory.join(name);
        let written = spawn_blocking(move || keep::write_durably(&path, &bytes));
        written.await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl StagedUpload for Staged {
    fn song(&self) -> &Song {
        Staged::song(self)
    }

    fn told_by_path(&self) -> FromPath {
        Staged::from_path(self)
    }

    fn earlier(&self) -> Option<&Song> {
        Staged::earlier(self)
    }

    fn chunks(&self) -> &Arc<Chunks> {
        Staged::chunks(self)
    }

    async fn read_chunk(&self, index: usize) -> Result<Bytes> {
        Staged::read_chunk(self, index).await
    }
}

#[async_trait]
impl Arriving for Receiving {
    async fn write_chunk(&self, index: usize, bytes: Bytes) -> Result<()> {
        Receiving::write_chunk(self, index, bytes).await
    }

    async fn commit(&self) -> Result<()> {
        Receiving::commit(self).await
    }
}
