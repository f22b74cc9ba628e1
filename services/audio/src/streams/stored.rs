//! Audio in a store, every chunk checked before anyone hears it.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use kadenza_contract::{CHUNK_BYTES, Chunks, ContentHash, Error, Result};
use quick_cache::{Weighter, sync::Cache};

use super::{
    source::{ChunkSource, chunk_of, clip},
    store::AudioStore,
};

/// How many chunks are on their way to one listener: enough to hide what a request costs, and at most
/// 1 MiB of memory.
const CHUNKS_AHEAD: usize = 4;

/// The chunks that were read last, in memory.
#[derive(Debug)]
pub struct ChunkMemory {
    chunks: Cache<(ContentHash, usize), Bytes, Length>,
}

impl ChunkMemory {
    /// A memory of at most so many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> ChunkMemory {
        let count = bytes_max / CHUNK_BYTES;
        ChunkMemory {
            chunks: Cache::with_weighter(count, bytes_max as u64, Length),
        }
    }
}

#[derive(Debug, Clone)]
struct Length;

impl Weighter<(ContentHash, usize), Bytes> for Length {
    fn weight(&self, _: &(ContentHash, usize), chunk: &Bytes) -> u64 {
        chunk.len() as u64
    }
}

/// Audio in a store, and the hashes that its chunks are checked with.
#[derive(Debug, Clone)]
pub struct StoredAudio {
    store: Arc<dyn AudioStore>,
    chunks: Arc<Chunks>,
    memory: Option<Arc<ChunkMemory>>,
}

impl StoredAudio {
    /// Audio of which nothing is kept in memory.
    #[must_use]
    pub fn new(store: Arc<dyn AudioStore>, chunks: Arc<Chunks>) -> StoredAudio {
        StoredAudio {
            store,
            chunks,
            memory: None,
        }
    }

    /// The same audio, with the chunks that were read last kept in memory.
    #[must_use]
    pub fn remembered(self, memory: Arc<ChunkMemory>) -> StoredAudio {
        StoredAudio {
            memory: Some(memory),
            ..self
        }
    }

    fn remembered_chunk(&self, index: usize) -> Option<Bytes> {
        let memory = self.memory.as_ref()?;
        memory.chunks.get(&(self.chunks.content(), index))
    }

    async fn fetch(&self, index: usize) -> Result<Bytes> {
        if let Some(chunk) = self.remembered_chunk(index) {
            return Ok(chunk);
        }
        let content = self.chunks.content();
        let damaged = |how: &str| Error::Damaged {
            what: format!(
                "piece {index} of audio {content} {how} {}",
                self.store.address()
            ),
        };
        let range = self.chunks.range_of(index);
        // Once more if the bytes are wrong: they may have been damaged on the way.
        for _ in 0..2 {
            let read = self.store.read(&content, range.clone()).await?;
            let chunk = read.ok_or_else(|| damaged("is not in"))?;
            if self.chunks.verify(index, &chunk) {
                if let Some(memory) = &self.memory {
                    memory.chunks.insert((content, index), chunk.clone());
                }
                return Ok(chunk);
            }
        }
        Err(damaged("is not what was uploaded in"))
    }
}

impl ChunkSource for StoredAudio {
    fn chunks(&self) -> &Arc<Chunks> {
        &self.chunks
    }

    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
        async move { self.fetch(index).await }.boxed()
    }

    fn chunks_ahead(&self) -> usize {
        CHUNKS_AHEAD
    }

    fn in_memory(&self, range: Range<u64>) -> Option<Bytes> {
        let chunk = self.remembered_chunk(chunk_of(range.start))?;
        Some(clip(&self.chunks, &chunk, &range))
    }
}
