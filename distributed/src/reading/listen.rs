//! Listening to a song, whose audio is here or on other nodes.
//!
//! What is here is read here, and from the first chunk that fails on from other holders, within the same
//! answer: a listener does not hear that a disk is damaged. From other nodes, the chunks are read from all holders in
//! turn, a few ahead of the listener, each checked against its hash.

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use kadenza_audio::{AudioReading, ChunkSource};
use kadenza_contract::{
    Audio, AudioRequest, Chunks, ContentHash, Error, Recording, Result, Song, SongId,
};
use parking_lot::RwLock;
use tokio::sync::OnceCell;

use crate::{Contact, cluster::Cluster, reading::find::nobody_holds};

/// How many chunks are fetched ahead of the listener: 1 MiB, a few seconds of lossless audio.
const CHUNKS_AHEAD: usize = 4;

impl Cluster {
    /// Opens the audio of a song.
    pub(crate) async fn audio(self: &Arc<Self>, request: &AudioRequest) -> Result<Option<Audio>> {
        let Some(song) = self.song(&request.song).await? else {
            return Ok(None);
        };
        match &request.recording {
            Some(content) => {
                let recording = match song.recording(content) {
                    Some(recording) => recording.clone(),
                    // Another node may know a recording that this one has not heard of yet.
                    None => {
                        let found = self.everything_of(request.song).await?;
                        match found.song.as_ref().and_then(|song| song.recording(content)) {
                            Some(recording) => recording.clone(),
                            None if found.is_all => return Ok(None),
                            None => return Err(nobody_holds(request.song)),
                        }
                    }
                };
                self.audio_of(request, recording).await.map(Some)
            }
            None => self.best_audio(request, &song).await.map(Some),
        }
    }

    /// Opens the best recording that any node holds and gives. One that is known and that nobody holds
    /// does not keep the others from being heard.
    async fn best_audio(self: &Arc<Self>, request: &AudioRequest, song: &Song) -> Result<Audio> {
        if let Some(audio) = self.audio_here(request, song.best()).await? {
            return Ok(audio);
        }
        let mut failed = None;
        for recording in self.held_recordings(request.song).await? {
            match self.audio_of(request, recording).await {
                Err(outside @ Error::Range { .. }) => return Err(outside),
                Err(error) => failed = Some(error),
                opened => return opened,
            }
        }
        Err(failed.unwrap_or_else(|| nobody_holds(request.song)))
    }

    /// Opens a recording, here or at its holders.
    async fn audio_of(
        self: &Arc<Self>,
        request: &AudioRequest,
        recording: Recording,
    ) -> Result<Audio> {
        if let Some(audio) = self.audio_here(request, &recording).await? {
            return Ok(audio);
        }
        let range = request.range.within(recording.size)?;
        let reader = Arc::new(Reader::open(self.clone(), request.song, &recording).await?);
        Ok(Audio {
            recording,
            stream: AudioReading::new(reader, range.clone()).boxed(),
            range,
        })
    }

    /// Opens a recording that is here. One that is damaged counts as not here: the library has noted it.
    async fn audio_here(
        self: &Arc<Self>,
        request: &AudioRequest,
        recording: &Recording,
    ) -> Result<Option<Audio>> {
        let here = match self.store().source(&recording.content).await {
            Ok(Some(here)) => here,
            Ok(None) => return Ok(None),
            Err(error) => {
                tracing::warn!(error = error.chain(), "audio is read from other nodes");
                return Ok(None);
            }
        };
        let range = request.range.within(recording.size)?;
        let here = Arc::new(Here {
            cluster: self.clone(),
            song: request.song,
            recording: recording.clone(),
            audio: here,
            elsewhere: OnceCell::new(),
        });
        Ok(Some(Audio {
            recording: recording.clone(),
            stream: AudioReading::new(here, range.clone()).boxed(),
            range,
        }))
    }
}

/// A recording that is read here, and from its other holders once that fails.
struct Here {
    cluster: Arc<Cluster>,
    song: SongId,
    recording: Recording,
    audio: Arc<dyn ChunkSource>,
    /// Opened when the first chunk fails.
    elsewhere: OnceCell<Arc<Reader>>,
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Here");
        shown.field("audio", &self.audio).finish_non_exhaustive()
    }
}

impl Here {
    async fn fetch(&self, index: usize) -> Result<Bytes> {
        if let Some(elsewhere) = self.elsewhere.get() {
            return elsewhere.fetch(index).await;
        }
        let failed = match Arc::clone(&self.audio).chunk(index).await {
            Ok(chunk) => return Ok(chunk),
            Err(failed) => failed,
        };
        tracing::warn!(error = failed.chain(), "a song goes on from other nodes");
        let open = async {
            let reader = Reader::open(self.cluster.clone(), self.song, &self.recording).await;
            reader.map(Arc::new)
        };
        match self.elsewhere.get_or_try_init(|| open).await {
            Ok(elsewhere) => elsewhere.fetch(index).await,
            Err(nobody) => {
                tracing::warn!(error = nobody.chain(), "no other node has the song");
                Err(failed)
            }
        }
    }
}

impl ChunkSource for Here {
    fn chunks(&self) -> &Arc<Chunks> {
        self.audio.chunks()
    }

    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
        async move { self.fetch(index).await }.boxed()
    }

    fn chunks_ahead(&self) -> usize {
        match self.elsewhere.initialized() {
            true => CHUNKS_AHEAD,
            false => self.audio.chunks_ahead(),
        }
    }

    fn in_memory(&self, range: Range<u64>) -> Option<Bytes> {
        match self.elsewhere.initialized() {
            true => None,
            false => self.audio.in_memory(range),
        }
    }
}

/// A recording that is read from its holders.
struct Reader {
    cluster: Arc<Cluster>,
    song: SongId,
    content: ContentHash,
    chunks: Arc<Chunks>,
    /// Those that hold it, the nearest first.
    holders: RwLock<Vec<Contact>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Reader");
        shown.field("content", &self.content);
        shown
            .field("holders", &self.holders)
            .finish_non_exhaustive()
    }
}

impl Reader {
    async fn open(cluster: Arc<Cluster>, song: SongId, recording: &Recording) -> Result<Reader> {
        let (content, size) = (recording.content, recording.size);
        let holders = cluster.holders(song, &content).await?;
        let chunks = cluster.first_given(holders.clone(), |holder| {
            let replica = cluster.replica(holder);
            async move { replica.chunks(&content, size).await }
        });
        let chunks = chunks.await?.ok_or_else(|| nobody_holds(song))?;
        Ok(Reader {
            song,
            content,
            chunks: Arc::new(chunks),
            holders: RwLock::new(holders),
            cluster,
        })
    }

    /// One chunk, whole and checked, from whichever holder gives it first. If none does, others may hold it by now.
    async fn fetch(&self, index: usize) -> Result<Bytes> {
        let holders = self.holders.read().clone();
        let failed = match self.fetch_from(&holders, index).await {
            Ok(chunk) => return Ok(chunk),
            Err(failed) => failed,
        };
        let Ok(now) = self.cluster.holders(self.song, &self.content).await else {
            return Err(failed);
        };
        self.holders.write().clone_from(&now);
        self.fetch_from(&now, index).await
    }

    async fn fetch_from(&self, holders: &[Contact], index: usize) -> Result<Bytes> {
        // Chunks begin at different holders, so that all of them share the work.
        let mut order = holders.to_vec();
        order.rotate_left(index % holders.len().max(1));
        let question = |holder| async move { self.chunk_from(holder, index).await.map(Some) };
        let chunk = self.cluster.first_given(order, question).await?;
        chunk.ok_or_else(|| nobody_holds(self.song))
    }

    async fn chunk_from(&self, holder: Contact, index: usize) -> Result<Bytes> {
        let range = self.chunks.range_of(index);
        let damaged = || Error::Damaged {
            what: format!("chunk {index} of {} at {}", self.content, holder.address),
        };
        let chunk = self
            .cluster
            .replica(holder)
            .read(&self.content, range)
            .await?
            .ok_or_else(damaged)?;
        if self.chunks.verify(index, &chunk) {
            Ok(chunk)
        } else {
            Err(damaged())
        }
    }
}

impl ChunkSource for Reader {
    fn chunks(&self) -> &Arc<Chunks> {
        &self.chunks
    }

    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
        async move { self.fetch(index).await }.boxed()
    }

    fn chunks_ahead(&self) -> usize {
        CHUNKS_AHEAD
    }
}
