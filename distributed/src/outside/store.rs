//! What a node keeps: its songs, and what it remembers of its network.

use std::{fmt, io, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_audio::ChunkSource;
use kadenza_contract::{
    Artwork, Browse, Chunks, ContentHash, Entry, FromPath, Group, Lyrics, NewSong, Page, Query,
    Result, Song, SongId, StorageStatus,
};
use kadenza_library::{Card, Counts, Following};

/// The songs of one machine, and small files beside them. Whatever a method has done when it returns survives a crash.
/// The errors are those of [`Library`](kadenza_library::Library).
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Takes an upload in without adding it.
    async fn stage(&self, new: NewSong) -> Result<Arc<dyn StagedUpload>>;

    /// Begins to take in a replica of a song, of the recording that the chunks name. None where its audio is
    /// here already; then the card has it now.
    async fn receive(&self, song: Song, chunks: Chunks) -> Result<Option<Arc<dyn Arriving>>>;

    /// Adds songs without their audio, merged with what is known of them.
    async fn add_cards(&self, songs: Vec<Song>) -> Result<()>;

    /// The card of a song.
    async fn card(&self, id: &SongId) -> Result<Option<Card>>;

    /// The cards behind an id in the order of ids, at most `limit`.
    async fn cards_after(&self, after: Option<SongId>, limit: usize) -> Result<Vec<Card>>;

    /// All cards as they are now, and every change of one from now on.
    fn follow(&self) -> Following;

    /// A page of hits among all cards.
    async fn search(&self, query: &Query) -> Result<Page<Entry>>;

    /// A page of groups of all cards.
    async fn browse(&self, browse: &Browse) -> Result<Page<Group>>;

    /// The hashes of the chunks of audio that is here.
    async fn chunks(&self, content: &ContentHash) -> Result<Option<Arc<Chunks>>>;

    /// Bytes of audio that is here, checked; at most 1 MiB.
    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>>;

    /// Audio that is here, for reading.
    async fn source(&self, content: &ContentHash) -> Result<Option<Arc<dyn ChunkSource>>>;

    /// The cover in audio that is here, its longer edge of at most `size` pixels.
    async fn artwork(&self, content: &ContentHash, size: Option<u32>) -> Result<Option<Artwork>>;

    /// The lyrics in audio that is here.
    async fn lyrics(&self, content: &ContentHash) -> Result<Option<Lyrics>>;

    /// Lets a song do without this audio.
    async fn drop_audio(&self, song: &SongId, content: &ContentHash) -> Result<()>;

    /// Removes what is known of a song.
    async fn drop_card(&self, id: &SongId) -> Result<()>;

    /// A number that is another one whenever a card, or the audio held here, has changed.
    fn generation(&self) -> u64;

    /// How much is here.
    fn counts(&self) -> Counts;

    /// How the audio is stored.
    async fn storage(&self) -> Result<StorageStatus>;

    /// The bytes of a small file; none if there is no such file.
    async fn remembered(&self, name: &'static str) -> io::Result<Option<Vec<u8>>>;

    /// Writes a small file: after a crash it is either the old one or the new one.
    async fn remember(&self, name: &'static str, bytes: Vec<u8>) -> io::Result<()>;
}

/// An upload that is here, whole and read, but not added yet. Dropping it leaves nothing.
#[async_trait]
pub trait StagedUpload: fmt::Debug + Send + Sync + 'static {
    /// The song, with the one recording that was uploaded.
    fn song(&self) -> &Song;

    /// The names of the song that were taken from the path of the upload.
    fn told_by_path(&self) -> FromPath;

    /// The same song as a library may know it whose reader gave only the first of several artists.
    fn earlier(&self) -> Option<&Song>;

    /// The hashes of the chunks of its audio.
    fn chunks(&self) -> &Arc<Chunks>;

    /// A chunk of its audio.
    async fn read_chunk(&self, index: usize) -> Result<Bytes>;
}

/// A replica whose audio is coming in. Dropping it leaves nothing.
#[async_trait]
pub trait Arriving: fmt::Debug + Send + Sync + 'static {
    /// Takes a chunk in; in any order, at the same time, and again.
    async fn write_chunk(&self, index: usize, bytes: Bytes) -> Result<()>;

    /// Adds the audio and the card.
    async fn commit(&self) -> Result<()>;
}
