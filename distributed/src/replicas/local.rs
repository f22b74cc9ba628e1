//! This node as a replica: the same calls as on a remote one, answered from its own copies.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_contract::{
    Artwork, Browse, Chunks, ContentHash, Entry, Error, Group, Lyrics, Page, Query, Recording,
    Result, Song, SongId,
};
use kadenza_protocol::{Digest, Item, Parts};

use crate::{
    Holding, Key,
    cluster::Cluster,
    replicas::{
        possession::Challenge,
        replica::{Known, Replica, Report},
    },
};

/// This node, answering for `asker`: itself, or the remote node whose request is being served.
pub(crate) struct LocalReplica {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) asker: Key,
}

#[async_trait]
impl Replica for LocalReplica {
    async fn song(&self, id: SongId) -> Result<Known> {
        self.cluster.copies().song(id).await
    }

    async fn store(&self, recording: &Recording, chunks: &Chunks) -> Result<Option<u64>> {
        self.cluster
            .copies()
            .store(recording.clone(), chunks.clone())
            .await
    }

    async fn store_chunk(&self, ticket: u64, index: u32, chunk: Bytes) -> Result<()> {
        self.cluster
            .copies()
            .store_chunk(ticket, index, chunk)
            .await
    }

    async fn store_commit(&self, ticket: u64, _size: u64) -> Result<()> {
        self.cluster.copies().store_commit(ticket).await
    }

    async fn add_cards(&self, songs: &[Song]) -> Result<()> {
        self.cluster.store().add_cards(songs.to_vec()).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.cluster.store().search(query).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.cluster.store().browse(browse).await
    }

    async fn chunks(&self, content: &ContentHash, _size: u64) -> Result<Option<Chunks>> {
        Ok(self
            .cluster
            .store()
            .chunks(content)
            .await?
            .map(|chunks| chunks.as_ref().clone()))
    }

    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>> {
        self.cluster.store().read(content, range).await
    }

    async fn artwork(&self, content: &ContentHash, size: Option<u32>) -> Result<Option<Artwork>> {
        self.cluster.store().artwork(content, size).await
    }

    async fn lyrics(&self, content: &ContentHash) -> Result<Option<Lyrics>> {
        self.cluster.store().lyrics(content).await
    }

    async fn compare(
        &self,
        layout: Key,
        holding: Holding,
        parts: Parts,
        digests: &[(u16, Digest)],
    ) -> Result<Vec<u16>> {
        let ledger = self.cluster.ledger().await?;
        let mut ledger = ledger.lock();
        // Under another layout it is other things that both must hold.
        if *layout.as_bytes() != self.cluster.members().view().digest() {
            return Err(Error::Busy);
        }
        let own = ledger.shared_with(&self.asker, holding);
        let differs = |(number, digest): &&(u16, Digest)| own.of(parts, *number) != *digest;
        let differing = digests.iter().filter(differs);
        let differing: Vec<u16> = differing.map(|(number, _)| *number).collect();
        if !differing.is_empty() {
            // What the asker lacks is for this node to give.
            self.cluster.repairing().doubt(self.asker);
        }
        Ok(differing)
    }

    async fn offer(&self, holding: Holding, items: &[Item]) -> Result<Vec<SongId>> {
        self.cluster.copies().missing(holding, items).await
    }

    async fn prove(&self, content: &ContentHash, challenge: Challenge) -> Result<Option<Key>> {
        let own = self.cluster.own().id;
        challenge.meet(self.cluster.store(), own, content).await
    }

    async fn report(&self) -> Result<Report> {
        self.cluster.report().await
    }
}
