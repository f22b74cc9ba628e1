//! The watch over the audio that belongs here: whatever cannot be read, or is not what was uploaded, is
//! noted, survives a restart, and does not count as held until it is whole again.

use std::{
    ops::Range,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use kadenza_audio::{ChunkSource, Pace, off_thread};
use kadenza_contract::{Chunks, ContentHash, Error, Result};
use tokio::{runtime::Handle, sync::Notify};

use crate::{
    audio::AudioHome,
    directory::Directory,
    records::Catalogue,
    writer::{Change, WeakWriter},
};

/// What is needed to notice damage and to note it.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) home: AudioHome,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) writer: WeakWriter,
    /// Told when damage was noted.
    pub(crate) noted: Arc<Notify>,
}

impl Watch {
    /// Makes sure that the directory of the audio is there. While it is not, nothing counts as held.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if it is not.
    pub(crate) async fn look(&self) -> Result<()> {
        let directory = Arc::clone(&self.directory);
        let found = off_thread("looking for audio", move || directory.check_audio()).await;
        if self.catalogue.went_away(found.is_err()) {
            match &found {
                Ok(()) => tracing::info!("the audio directory is there again"),
                Err(error) => {
                    let error = error.chain();
                    tracing::error!(error, "nothing counts as held until it is back");
                }
            }
        }
        found
    }

    /// Notes that audio is damaged, durably, and gives the error to be told: another one where the
    /// whole directory is gone, which says nothing of this audio.
    pub(crate) async fn note(&self, content: ContentHash, damage: Error) -> Error {
        let Error::Damaged { what } = &damage else {
            return damage;
        };
        if !self.catalogue.owns(&content) {
            return damage;
        }
        if let Err(away) = self.look().await {
            return away;
        }
        if !self.catalogue.is_damaged(&content) {
            tracing::warn!(%content, what, "audio is damaged, and counts no longer as held here");
            let change = Change::Damaged(content, what.clone());
            if let Err(error) = self.writer.make(change).await {
                let error = error.chain();
                tracing::error!(error, %content, "damage could not be noted");
            }
            self.noted.notify_one();
        }
        damage
    }

    /// Examines audio that belongs here, and notes what was found. `known` are the hashes of its chunks,
    /// as the database gives them; a list that is damaged is made anew from the audio.
    ///
    /// # Errors
    ///
    /// If nothing was found out, it could not be noted, or the directory of the audio is gone.
    pub(crate) async fn examine(
        &self,
        content: ContentHash,
        known: Result<Option<Chunks>>,
        pace: Pace,
    ) -> Result<()> {
        let known = match known {
            Err(Error::Damaged { .. }) => None,
            known => known?,
        };
        let mut found = self.home.examine(content, pace).await;
        // It may have been brought again while it was read.
        if let Err(Error::Damaged { .. }) = found {
            found = self.home.examine(content, pace).await;
        }
        match found {
            Err(damage @ Error::Damaged { .. }) => match self.note(content, damage).await {
                Error::Damaged { .. } => Ok(()),
                away => Err(away),
            },
            Err(error) => Err(error),
            Ok(chunks) => {
                if !self.catalogue.is_damaged(&content) && known.as_ref() == Some(&chunks) {
                    return Ok(());
                }
                tracing::info!(%content, "audio is whole again");
                let whole = Change::Whole(Arc::new(chunks));
                self.writer.make(whole).await.map(|_| ())
            }
        }
    }

    /// Audio for listeners, of which damage is noted.
    pub(crate) fn over(self: &Arc<Self>, audio: Arc<dyn ChunkSource>) -> Arc<dyn ChunkSource> {
        Arc::new(WatchedAudio {
            audio,
            watch: Arc::downgrade(self),
        })
    }
}

/// Audio that is read under the watch. Holds it weakly: a listener does not keep a library open.
#[derive(Debug)]
struct WatchedAudio {
    audio: Arc<dyn ChunkSource>,
    watch: Weak<Watch>,
}

impl WatchedAudio {
    /// A chunk failed. It is read once more, through audio that is opened anew: it may have been
    /// brought again meanwhile, and a disk may fail once. If that fails too, it is noted.
    async fn again(&self, index: usize, failed: Error) -> Result<Bytes> {
        let (Error::Damaged { .. }, Some(watch)) = (&failed, self.watch.upgrade()) else {
            return Err(failed);
        };
        let chunks = Arc::clone(self.audio.chunks());
        let content = chunks.content();
        let read = async { watch.home.open(chunks).await?.chunk(index).await };
        match read.await {
            Ok(chunk) => Ok(chunk),
            Err(failed) => Err(watch.note(content, failed).await),
        }
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

    fn is_in_place(&self) -> bool {
        self.audio.is_in_place()
    }

    fn in_memory(&self, range: Range<u64>) -> Option<Bytes> {
        self.audio.in_memory(range)
    }

    fn chunk_waiting(self: Arc<Self>, index: usize) -> Result<Bytes> {
        match Arc::clone(&self.audio).chunk_waiting(index) {
            Ok(chunk) => Ok(chunk),
            Err(failed) => Handle::current().block_on(self.again(index, failed)),
        }
    }
}
