//! The trait of a node as other nodes see it: implemented by this node's own [`LocalCopies`](crate::replicas::copies::LocalCopies)
//! and by the stub of a remote [`Peer`](crate::replicas::remote::Peer), so that the code above treats them alike.

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_contract::{
    Artwork, Browse, Chunks, ContentHash, Entry, Group, Lyrics, NodeStatus, Page, Query, Recording,
    Result, Song, SongId,
};
use kadenza_protocol::{Digest, Item, Parts};

use super::possession::Challenge;
use crate::{Holding, Key};

/// A song as one node knows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// The song; none if the node does not know it.
    pub(crate) song: Option<Song>,
    /// The recordings whose audio the node holds.
    pub(crate) held: Vec<ContentHash>,
}

/// A node's report of itself.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// Its own numbers.
    pub(crate) node: NodeStatus,
    /// Songs for which it is the closest node that is up.
    pub(crate) primary: u64,
    /// How many of these have all their copies.
    pub(crate) complete: u64,
    /// How many of these each other node should hold and lacks, by its id.
    pub(crate) lacking: BTreeMap<String, u64>,
    /// About how many bytes of audio all of them lack together.
    pub(crate) missing_bytes: u64,
    /// How many bytes the node gives to others in a second to repair.
    pub(crate) bytes_per_second: u64,
}

/// A node, seen by another one.
#[async_trait]
pub(crate) trait Replica: Send + Sync {
    /// Looks a song up.
    async fn song(&self, id: SongId) -> Result<Known>;
    /// Opens the storing of a recording; none if the node has it already.
    async fn store(&self, recording: &Recording, chunks: &Chunks) -> Result<Option<u64>>;
    /// Sends a chunk of a recording being stored.
    async fn store_chunk(&self, ticket: u64, index: u32, chunk: Bytes) -> Result<()>;
    /// Ends the storing; when it returns, the recording is durable there.
    async fn store_commit(&self, ticket: u64, size: u64) -> Result<()>;
    /// Stores cards durably.
    async fn add_cards(&self, songs: &[Song]) -> Result<()>;
    /// The node's page of hits.
    async fn search(&self, query: &Query) -> Result<Page<Entry>>;
    /// The node's page of groups.
    async fn browse(&self, browse: &Browse) -> Result<Page<Group>>;
    /// The chunk list of a recording.
    async fn chunks(&self, content: &ContentHash, size: u64) -> Result<Option<Chunks>>;
    /// Bytes of a recording, at most 1 MiB.
    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>>;
    /// The cover in a recording.
    async fn artwork(&self, content: &ContentHash, size: Option<u32>) -> Result<Option<Artwork>>;
    /// The lyrics in the audio of a recording.
    async fn lyrics(&self, content: &ContentHash) -> Result<Option<Lyrics>>;
    /// Those of these parts in which the node holds something else of what it and the asker must hold, by the layout
    /// with this digest.
    async fn compare(
        &self,
        layout: Key,
        holding: Holding,
        parts: Parts,
        digests: &[(u16, Digest)],
    ) -> Result<Vec<u16>>;
    /// The songs of these items that the node lacks, or holds in another version.
    async fn offer(&self, holding: Holding, items: &[Item]) -> Result<Vec<SongId>>;
    /// Shows that the node holds a recording: the hash of a chunk of it that a [`Challenge`] asks for. None if it does
    /// not hold it.
    async fn prove(&self, content: &ContentHash, challenge: Challenge) -> Result<Option<Key>>;
    /// The node's report.
    async fn report(&self) -> Result<Report>;
}
