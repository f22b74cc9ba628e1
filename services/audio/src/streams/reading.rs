//! Audio on its way to a listener: the bytes of a range, checked, read when they are asked for.

use std::{
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt, future::BoxFuture, stream::FuturesOrdered};
use kadenza_contract::{CHUNK_BYTES, Result};

use super::source::{ChunkSource, chunk_of, clip};

/// The bytes of a range, in pieces of at most 256 KiB; an error is the last item.
///
/// Bytes in memory are given on the thread that polls, without a task. Of all others a few chunks are
/// read ahead, and no more before those are taken.
#[derive(Debug)]
pub struct AudioReading {
    source: Arc<dyn ChunkSource>,
    rest: Range<u64>,
    /// The first chunks of the rest, on their way.
    waiting: FuturesOrdered<BoxFuture<'static, Result<Bytes>>>,
    /// Where the first chunk begins that is not on its way.
    next: u64,
}

impl AudioReading {
    /// The bytes of a range that lies within the audio.
    #[must_use]
    pub fn new(source: Arc<dyn ChunkSource>, range: Range<u64>) -> AudioReading {
        AudioReading {
            source,
            next: range.start,
            rest: range,
            waiting: FuturesOrdered::new(),
        }
    }

    fn read_ahead(&mut self) {
        while self.waiting.len() < self.source.chunks_ahead() && self.next < self.rest.end {
            let source = Arc::clone(&self.source);
            let index = chunk_of(self.next);
            self.waiting.push_back(source.chunk(index));
            self.next = (index as u64 + 1) * CHUNK_BYTES as u64;
        }
    }
}

impl Stream for AudioReading {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let now = match this.waiting.is_empty() {
            true => this.source.in_memory(this.rest.clone()),
            false => None,
        };
        let read = match now {
            Some(bytes) => {
                this.next = this.rest.start + bytes.len() as u64;
                Ok(bytes)
            }
            None => {
                this.read_ahead();
                let chunk = ready!(Pin::new(&mut this.waiting).poll_next(cx));
                let chunk = chunk.expect("a rest that is not empty has a first chunk");
                chunk.map(|chunk| clip(this.source.chunks(), &chunk, &this.rest))
            }
        };
        match &read {
            Ok(bytes) => this.rest.start += bytes.len() as u64,
            Err(_) => {
                this.rest.start = this.rest.end;
                // Nobody takes the chunks that are still on their way.
                this.waiting = FuturesOrdered::new();
            }
        }
        Poll::Ready(Some(read))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(!self.rest.is_empty()), None)
    }
}

/// All bytes of a range that lies within the audio, checked.
///
/// # Errors
///
/// Those of the source.
pub async fn read_range(source: Arc<dyn ChunkSource>, range: Range<u64>) -> Result<Bytes> {
    let len = (range.end - range.start) as usize;
    let mut pieces = AudioReading::new(source, range);
    let first = pieces.try_next().await?.unwrap_or_default();
    if first.len() == len {
        return Ok(first);
    }
    let mut bytes = BytesMut::with_capacity(len);
    bytes.extend_from_slice(&first);
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::{FutureExt, StreamExt};
    use kadenza_contract::{ChunkHasher, Chunks, Error};

    use super::*;

    const AHEAD: usize = 3;

    #[derive(Debug)]
    struct InMemory {
        bytes: Bytes,
        chunks: Arc<Chunks>,
        broken: Option<usize>,
        under_way: AtomicUsize,
        under_way_max: AtomicUsize,
    }

    impl InMemory {
        fn new(size: usize, broken: Option<usize>) -> Arc<InMemory> {
            let bytes: Bytes = (0..size).map(|n| (n / 251) as u8).collect();
            let mut hasher = ChunkHasher::new();
            hasher.update(&bytes);
            Arc::new(InMemory {
                bytes,
                chunks: Arc::new(hasher.finish().1),
                broken,
                under_way: AtomicUsize::new(0),
                under_way_max: AtomicUsize::new(0),
            })
        }
    }

    impl ChunkSource for InMemory {
        fn chunks(&self) -> &Arc<Chunks> {
            &self.chunks
        }

        fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
            async move {
                let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
                self.under_way_max.fetch_max(under_way, Ordering::Relaxed);
                tokio::task::yield_now().await;
                self.under_way.fetch_sub(1, Ordering::Relaxed);
                if self.broken == Some(index) {
                    return Err(Error::Busy);
                }
                let range = self.chunks.range_of(index);
                Ok(self.bytes.slice(range.start as usize..range.end as usize))
            }
            .boxed()
        }

        fn chunks_ahead(&self) -> usize {
            AHEAD
        }
    }

    #[tokio::test]
    async fn every_range_is_clipped_and_read_ahead_within_the_bound() {
        let size = 5 * CHUNK_BYTES + 7;
        let source = InMemory::new(size, None);
        let edges = [
            0,
            1,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            size - 1,
            size,
        ];
        for (start, end) in edges.iter().flat_map(|a| edges.map(|b| (*a, b))) {
            if start < end {
                let range = start as u64..end as u64;
                let read = read_range(Arc::clone(&source) as _, range).await.unwrap();
                assert_eq!(read, source.bytes[start..end], "{start}..{end}");
            }
        }
        assert_eq!(source.under_way_max.load(Ordering::Relaxed), AHEAD);
    }

    #[tokio::test]
    async fn an_error_is_the_last_item_of_a_stream() {
        let source = InMemory::new(6 * CHUNK_BYTES, Some(2));
        let whole = 0..source.chunks.size();
        let items: Vec<_> = AudioReading::new(source, whole).collect().await;
        let are_right: Vec<bool> = items.iter().map(Result::is_ok).collect();
        assert_eq!(are_right, [true, true, false]);
    }
}
