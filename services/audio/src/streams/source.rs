//! Audio that is read chunk by chunk, wherever it is.

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kadenza_contract::{CHUNK_BYTES, Chunks, Result};
use tokio::runtime::Handle;

/// Audio that is read chunk by chunk, each chunk checked against its hash.
pub trait ChunkSource: fmt::Debug + Send + Sync + 'static {
    /// The hashes of its chunks, and its size.
    fn chunks(&self) -> &Arc<Chunks>;

    /// A whole chunk, checked.
    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>>;

    /// How many chunks are worth being read at once for one listener.
    fn chunks_ahead(&self) -> usize;

    /// Whether it is still where it was opened, so that it may be kept open for later: a file that was removed can be
    /// read, and is no copy any more. Never waits.
    fn is_in_place(&self) -> bool {
        true
    }

    /// The first bytes of a range, as many as are in memory and known to be right, and none beyond
    /// 256 KiB; `None` if that takes waiting. Never waits.
    fn in_memory(&self, _range: Range<u64>) -> Option<Bytes> {
        None
    }

    /// A whole chunk, checked, for a thread that may wait. Must not be called on a thread that runs
    /// tasks.
    fn chunk_waiting(self: Arc<Self>, index: usize) -> Result<Bytes> {
        Handle::current().block_on(self.chunk(index))
    }
}

/// The chunk in which a byte is.
#[must_use]
pub fn chunk_of(at: u64) -> usize {
    usize::try_from(at / CHUNK_BYTES as u64).unwrap_or(usize::MAX)
}

/// The bytes of a range that are in the chunk in which it begins.
#[must_use]
pub fn clip(chunks: &Chunks, chunk: &Bytes, range: &Range<u64>) -> Bytes {
    let covered = chunks.range_of(chunk_of(range.start));
    let end = range.end.min(covered.end);
    chunk.slice((range.start - covered.start) as usize..(end - covered.start) as usize)
}
