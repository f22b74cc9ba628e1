//! Audio in the store that is missing, or not what was uploaded: noted for all servers, until the same file
//! is uploaded again.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use kadenza_audio::{ChunkSource, StoredAudio};
use kadenza_contract::{Chunks, ContentHash, Error, Result, Song};
use sqlx::PgConnection;

use super::{Inner, failing::Server};

/// Audio that a listener reads, of which damage is noted. Holds the library weakly: a listener does not
/// keep it open.
#[derive(Debug)]
pub(super) struct WatchedAudio {
    audio: Arc<StoredAudio>,
    library: Weak<Inner>,
}

impl WatchedAudio {
    pub(super) fn new(library: &Arc<Inner>, chunks: Arc<Chunks>) -> WatchedAudio {
        WatchedAudio {
            audio: Arc::new(StoredAudio::new(Arc::clone(&library.audio), chunks)),
            library: Arc::downgrade(library),
        }
    }
}

impl ChunkSource for WatchedAudio {
    fn chunks(&self) -> &Arc<Chunks> {
        self.audio.chunks()
    }

    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
        async move {
            let read = Arc::clone(&self.audio).chunk(index).await;
            if let (Err(Error::Damaged { what }), Some(library)) = (&read, self.library.upgrade())
                && let Err(error) = library.note_damage(&self.chunks().content(), what).await
            {
                tracing::error!(error = error.chain(), "damage could not be noted");
            }
            read
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

impl Inner {
    /// Notes that audio is damaged.
    async fn note_damage(&self, content: &ContentHash, what: &str) -> Result<()> {
        tracing::warn!(%content, what, "audio is damaged, and no copy of its song any more");
        self.chunks.remove(content);
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query("UPDATE audio SET damaged = $2 WHERE content = $1")
                .bind(&content.as_bytes()[..])
                .bind(what)
                .execute(&mut *held)
                .await
                .map(|_| ())
                .map_err(|error| server.failed("noting damage", error))
        };
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }

    /// The recordings of a song whose audio is there: nobody found it damaged, and it has its size.
    pub(super) async fn whole(&self, song: &Song) -> Result<HashSet<ContentHash>> {
        let mut held = self.connections.take().await?;
        let work = whole(&mut held, &self.connections.server, song);
        let mut whole = self.connections.answered(work).await?;
        held.give_back();
        for recording in song.recordings() {
            let content = recording.content;
            if whole.contains(&content) && self.audio.size(&content).await? != Some(recording.size)
            {
                whole.remove(&content);
                let what = "it is not in the store with its size";
                self.note_damage(&content, what).await?;
            }
        }
        Ok(whole)
    }

    /// Whether audio of a song is there and is what was uploaded, all of it. Reads it.
    pub(super) async fn is_whole(
        self: &Arc<Self>,
        song: &Song,
        content: &ContentHash,
    ) -> Result<bool> {
        if !self.whole(song).await?.contains(content) {
            return Ok(false);
        }
        let chunks = match self.chunks(content).await {
            Err(Error::Damaged { .. }) | Ok(None) => return Ok(false),
            Ok(Some(chunks)) => chunks,
            Err(error) => return Err(error),
        };
        let audio = Arc::new(WatchedAudio::new(self, chunks));
        for index in 0..audio.chunks().len() {
            match Arc::clone(&audio).chunk(index).await {
                Ok(_) => {}
                Err(Error::Damaged { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The recordings of a song whose audio is there, as far as anybody noticed.
pub(super) async fn whole(
    connection: &mut PgConnection,
    server: &Server,
    song: &Song,
) -> Result<HashSet<ContentHash>> {
    let contents = song.recordings().iter();
    let contents: Vec<Vec<u8>> = contents.map(|of| of.content.as_bytes().to_vec()).collect();
    let ask = "SELECT content FROM audio WHERE content = ANY($1) AND damaged IS NULL";
    let whole: Vec<Vec<u8>> = sqlx::query_scalar(ask)
        .bind(contents)
        .fetch_all(connection)
        .await
        .map_err(|error| server.failed("asking for audio", error))?;
    let whole = whole
        .into_iter()
        .filter_map(|content| content.try_into().ok());
    Ok(whole.map(ContentHash::from_bytes).collect())
}

/// Audio was put into the store again: it is whole, and its hashes are these.
pub(super) async fn heal(
    connection: &mut PgConnection,
    server: &Server,
    chunks: &Chunks,
) -> Result<()> {
    let put = "INSERT INTO audio (content, size, chunks) VALUES ($1, $2, $3) \
        ON CONFLICT (content) DO UPDATE SET damaged = NULL, chunks = excluded.chunks";
    sqlx::query(put)
        .bind(chunks.content().as_bytes().to_vec())
        .bind(chunks.size().cast_signed())
        .bind(chunks.to_bytes())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| server.failed("healing a song", error))
}
