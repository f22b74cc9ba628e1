//! The store of one node, on a simulated disk: a library without audio formats and without an index.

use std::{io, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, TryStreamExt, future::BoxFuture};
use jiff::Timestamp;
use kadenza_audio::ChunkSource;
use kadenza_contract::{
    Artwork, Browse, ByteRange, ChunkHasher, Chunks, ContentHash, Entry, Error, Format, FromPath,
    Group, Lyrics, Names, NewSong, Page, Query, READER_OF_ALL_ARTISTS, Recording, Result, Song,
    SongId, StorageStatus, Tags,
};
use kadenza_distributed::{Arriving, StagedUpload, Store};
use kadenza_library::{Card, Counts, Following};
use parking_lot::Mutex;

use super::{contents::Change, disk::Disk, life::SimulatedEnv};
use kadenza_distributed::Env as _;

/// A store on a disk. The wall clock of its machine may be days off.
#[derive(Debug)]
pub(crate) struct SimulatedStore {
    pub(crate) disk: Arc<Disk>,
    pub(crate) env: Arc<SimulatedEnv>,
    pub(crate) wall_clock: Arc<Mutex<i64>>,
}

impl SimulatedStore {
    fn audio(&self, content: &ContentHash) -> Option<Arc<Held>> {
        let found = self.disk.look(|contents| {
            let audio = contents.audio(content)?;
            Some((audio.bytes.clone(), Arc::clone(&audio.chunks)))
        });
        let (bytes, chunks) = found?;
        let disk = Arc::clone(&self.disk);
        Some(Arc::new(Held {
            disk,
            bytes,
            chunks,
        }))
    }
}

#[async_trait]
impl Store for SimulatedStore {
    async fn stage(&self, new: NewSong) -> Result<Arc<dyn StagedUpload>> {
        self.disk.has_room()?;
        let NewSong { stated, mut audio } = new;
        let mut bytes = BytesMut::new();
        while let Some(piece) = audio.try_next().await? {
            bytes.extend_from_slice(&piece);
        }
        self.disk.works(1, 5).await;
        let bytes = bytes.freeze();
        let mut hasher = ChunkHasher::new();
        hasher.update(&bytes);
        let (content, chunks) = hasher.finish();
        let title = stated.title.ok_or(Error::NoTitle)?;
        let artists = Names::new(stated.artists.iter().map(String::as_str));
        let album = stated.album.unwrap_or_default();
        let added_ms = *self.wall_clock.lock() + self.env.now_ms() as i64;
        let song = Song::new(Recording {
            content,
            format: Format::Mp3,
            size: bytes.len() as u64,
            duration_ms: None,
            bit_rate: Some(u32::from(content.as_bytes()[0]) + 1),
            tags: Tags::new(&title, "", &album)?.with_artists(artists),
            has_artwork: false,
            added_at: Timestamp::from_millisecond(added_ms).unwrap_or_default(),
            reader: READER_OF_ALL_ARTISTS,
        });
        Ok(Arc::new(Staged {
            earlier: song.as_first_artist(),
            chunks: Arc::new(chunks),
            song,
            bytes,
        }))
    }

    async fn receive(&self, song: Song, chunks: Chunks) -> Result<Option<Arc<dyn Arriving>>> {
        let content = chunks.content();
        let announced = song.recording(&content).map(|recording| recording.size);
        if announced != Some(chunks.size()) {
            return Err(Error::Invalid {
                what: "the song has no recording of this content and size".into(),
            });
        }
        if self.audio(&content).is_some() {
            self.disk.make(Change::Adopt(song, content)).await?;
            return Ok(None);
        }
        self.disk.has_room()?;
        let pieces = vec![None; chunks.len()];
        Ok(Some(Arc::new(Receiving {
            disk: Arc::clone(&self.disk),
            song,
            chunks: Arc::new(chunks),
            pieces: Mutex::new(Some(pieces)),
        })))
    }

    /// Cards are taken by a disk that is full for audio, too: a library keeps room for its database.
    async fn add_cards(&self, songs: Vec<Song>) -> Result<()> {
        self.disk.make(Change::Cards(songs)).await
    }

    async fn card(&self, id: &SongId) -> Result<Option<Card>> {
        Ok(self.disk.look(|contents| contents.card(id)))
    }

    async fn cards_after(&self, after: Option<SongId>, limit: usize) -> Result<Vec<Card>> {
        Ok(self
            .disk
            .look(|contents| contents.cards_after(after, limit)))
    }

    fn follow(&self) -> Following {
        self.disk.follow()
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.disk.works(0, 2).await;
        let songs: Vec<Song> = self
            .disk
            .look(|contents| contents.songs().cloned().collect());
        Ok(query.page(songs))
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.disk.works(0, 2).await;
        Ok(self.disk.look(|contents| browse.page(contents.songs())))
    }

    async fn chunks(&self, content: &ContentHash) -> Result<Option<Arc<Chunks>>> {
        Ok(self.audio(content).map(|held| Arc::clone(&held.chunks)))
    }

    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>> {
        let Some(held) = self.audio(content) else {
            return Ok(None);
        };
        let range = ByteRange::from(range).within(held.chunks.size())?;
        held.is_good(&self.disk).await?;
        let range = range.start as usize..range.end as usize;
        Ok(Some(held.bytes.slice(range)))
    }

    async fn source(&self, content: &ContentHash) -> Result<Option<Arc<dyn ChunkSource>>> {
        Ok(self.audio(content).map(|held| held as Arc<dyn ChunkSource>))
    }

    async fn artwork(&self, _: &ContentHash, _: Option<u32>) -> Result<Option<Artwork>> {
        Ok(None)
    }

    async fn lyrics(&self, _: &ContentHash) -> Result<Option<Lyrics>> {
        Ok(None)
    }

    async fn drop_audio(&self, song: &SongId, content: &ContentHash) -> Result<()> {
        self.disk.make(Change::DropAudio(*song, *content)).await
    }

    async fn drop_card(&self, id: &SongId) -> Result<()> {
        self.disk.make(Change::DropCard(*id)).await
    }

    fn generation(&self) -> u64 {
        self.disk.generation()
    }

    fn counts(&self) -> Counts {
        self.disk.look(|contents| contents.counts())
    }

    async fn storage(&self) -> Result<StorageStatus> {
        Ok(StorageStatus {
            damaged: self.disk.look(|contents| contents.damaged()),
            is_full: self.disk.is_full(),
            ..StorageStatus::default()
        })
    }

    async fn remembered(&self, name: &'static str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk.look(|contents| contents.file(name).cloned()))
    }

    async fn remember(&self, name: &'static str, bytes: Vec<u8>) -> io::Result<()> {
        let made = self.disk.make(Change::File(name, bytes)).await;
        made.map_err(io::Error::other)
    }
}

/// An upload in a temporary file.
#[derive(Debug)]
struct Staged {
    song: Song,
    earlier: Option<Song>,
    chunks: Arc<Chunks>,
    bytes: Bytes,
}

#[async_trait]
impl StagedUpload for Staged {
    fn song(&self) -> &Song {
        &self.song
    }

    fn told_by_path(&self) -> FromPath {
        FromPath::default()
    }

    fn earlier(&self) -> Option<&Song> {
        self.earlier.as_ref()
    }

    fn chunks(&self) -> &Arc<Chunks> {
        &self.chunks
    }

    async fn read_chunk(&self, index: usize) -> Result<Bytes> {
        Ok(chunk(&self.chunks, &self.bytes, index))
    }
}

fn chunk(chunks: &Chunks, bytes: &Bytes, index: usize) -> Bytes {
    let range = chunks.range_of(index);
    bytes.slice(range.start as usize..range.end as usize)
}

/// A replica in a temporary file. The pieces are gone once it was committed.
#[derive(Debug)]
struct Receiving {
    disk: Arc<Disk>,
    song: Song,
    chunks: Arc<Chunks>,
    pieces: Mutex<Option<Vec<Option<Bytes>>>>,
}

fn invalid(what: &str) -> Error {
    Error::Invalid { what: what.into() }
}

#[async_trait]
impl Arriving for Receiving {
    async fn write_chunk(&self, index: usize, bytes: Bytes) -> Result<()> {
        self.disk.has_room()?;
        self.disk.works(0, 3).await;
        if !self.chunks.verify(index, &bytes) {
            return Err(invalid("these bytes are not that piece"));
        }
        let mut pieces = self.pieces.lock();
        let pieces = pieces
            .as_mut()
            .ok_or_else(|| invalid("it was committed before"))?;
        pieces[index] = Some(bytes);
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        let pieces = {
            let mut pieces = self.pieces.lock();
            match &*pieces {
                None => return Err(invalid("it was committed before")),
                Some(all) if all.iter().any(Option::is_none) => {
                    return Err(invalid("pieces of the replica are missing"));
                }
                Some(_) => pieces.take().unwrap_or_default(),
            }
        };
        self.disk.has_room()?;
        let bytes: Vec<u8> = pieces.into_iter().flatten().flatten().collect();
        let chunks = Arc::clone(&self.chunks);
        let change = Change::Audio(self.song.clone(), chunks, bytes.into());
        self.disk.make(change).await
    }
}

/// Audio on the disk, for reading.
#[derive(Debug)]
struct Held {
    disk: Arc<Disk>,
    bytes: Bytes,
    chunks: Arc<Chunks>,
}

impl Held {
    /// Damage is found, and noted, when it is read.
    async fn is_good(&self, disk: &Disk) -> Result<()> {
        disk.works(0, 3).await;
        let content = self.chunks.content();
        let is_rotten = disk.look(|contents| {
            let audio = contents.audio(&content);
            audio.is_none_or(|audio| audio.is_rotten)
        });
        if is_rotten {
            disk.make(Change::Noted(content)).await?;
            return Err(Error::Damaged {
                what: format!("audio {content}"),
            });
        }
        Ok(())
    }
}

impl ChunkSource for Held {
    fn chunks(&self) -> &Arc<Chunks> {
        &self.chunks
    }

    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
        async move {
            self.is_good(&self.disk).await?;
            Ok(chunk(&self.chunks, &self.bytes, index))
        }
        .boxed()
    }

    fn chunks_ahead(&self) -> usize {
        2
    }
}
