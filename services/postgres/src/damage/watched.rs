//! Audio that a listener reads, of which damage is noted.

use std::{
    ops::Range,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use kadenza_audio::{ChunkSource, StoredAudio};
use kadenza_contract::{Chunks, Error, Result};

use crate::Inner;

/// Audio that is read under watch. Holds the library weakly: a listener does not keep it open.
#[derive(Debug)]
pub(crate) struct WatchedAudio {
    audio: Arc<StoredAudio>,
    library: Weak<Inner>,
}

impl WatchedAudio {
    pub(crate) fn new(library: &Arc<Inner>, chunks: Arc<Chunks>) -> WatchedAudio {
        WatchedAudio {
            audio: Arc::new(StoredAudio::new(Arc::clone(&library.audio), chunks)),
            library: Arc::downgrade(library),
        }
    }

    /// A chunk failed. It is read once more, so that the damage can be noted.
    async fn again(&self, index: usize, failed: Error) -> Result<Bytes> {
        let (Error::Damaged { .. }, Some(library)) = (&failed, self.library.upgrade()) else {
            return Err(failed);
        };
        let read = Arc::clone(&self.audio).chunk(index);
        library.noting(&self.chunks().content(), read).await
    }
}

impl ChunkSource for WatchedAudio {
    fn chunks(&self) -> &Arc<Chunks> {
        self.audio.chunks()
    }

    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
        async move {
            match Arc::clone(&self.audio).chunk(index).await {
                Ok(chunk) => Ok(chunk),
                Err(failed) => self.again(index, failed).await,
            }
        }
        .boxed()
    }

    fn chunks_ahead(&self) -> usize {
        self.audio.chunks_ahead()
    }

    fn in_memory(&self, range: Range<u64>) -> Option<Bytes> {
        self.audio.in_memory(range)
    }
}
