//! Sending a recording to another node, chunk by chunk.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_contract::{Chunks, Error, Recording, Result};

use crate::{
    outside::store::{StagedUpload, Store},
    repairing::Pace,
    replicas::replica::Replica,
};

/// How many chunks are under way to one node at once: enough to keep a disk and a wire busy, 1 MiB.
const CHUNKS_UNDER_WAY: usize = 4;

/// Where the chunks of a recording are read from.
#[async_trait]
pub(crate) trait PushedRecording: Send + Sync {
    /// The chunk with this number.
    async fn chunk(&self, index: usize) -> Result<Bytes>;
}

/// An upload that is spooled on this machine's disk.
pub(crate) struct SpooledRecording<'a>(pub(crate) &'a dyn StagedUpload);

#[async_trait]
impl PushedRecording for SpooledRecording<'_> {
    async fn chunk(&self, index: usize) -> Result<Bytes> {
        self.0.read_chunk(index).await
    }
}

/// A recording that this node holds.
pub(crate) struct HeldRecording<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) pace: &'a Pace,
    pub(crate) chunks: &'a Chunks,
}

#[async_trait]
impl PushedRecording for HeldRecording<'_> {
    async fn chunk(&self, index: usize) -> Result<Bytes> {
        let range = self.chunks.range_of(index);
        self.pace.take(range.end - range.start).await;
        let content = self.chunks.content();
        self.store
            .read(&content, range)
            .await?
            .ok_or_else(|| Error::Damaged {
                what: format!("{content} is no longer held here"),
            })
    }
}

/// Makes a node hold a recording. When it returns, the recording is durable there. Whether it was not there before.
pub(crate) async fn push(
    to: &dyn Replica,
    recording: &Recording,
    chunks: &Chunks,
    source: &dyn PushedRecording,
) -> Result<bool> {
    let Some(ticket) = to.store(recording, chunks).await? else {
        return Ok(false);
    };
    stream::iter(0..chunks.len())
        .map(|index| async move {
            let chunk = source.chunk(index).await?;
            to.store_chunk(ticket, u32::try_from(index).unwrap_or(u32::MAX), chunk)
                .await
        })
        .buffer_unordered(CHUNKS_UNDER_WAY)
        .try_collect::<()>()
        .await?;
    to.store_commit(ticket, chunks.size()).await?;
    Ok(true)
}
