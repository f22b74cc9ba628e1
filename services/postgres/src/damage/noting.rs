//! What is noted of damage in the database, and asked there.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use kadenza_audio::{ChunkSource, said};
use kadenza_contract::{Chunks, ContentHash, Error, Result, Song};
use sqlx::PgConnection;

use super::WatchedAudio;
use crate::{Inner, failing::Server};

impl Inner {
    /// Whether the audio store is there and this library's. A disk that is not mounted looks like an empty
    /// directory: it is neither read nor written, and its audio is not taken for lost.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub(crate) async fn is_store_here(&self) -> Result<bool> {
        let is_here = self.audio.owner().await?.as_ref() == Some(&self.owner);
        if self.is_away.swap(!is_here, Ordering::Relaxed) == is_here {
            let store = self.audio.address();
            match is_here {
                true => tracing::info!(store, "the audio is there again"),
                false => tracing::error!(store, "the audio went away: nothing counts as held"),
            }
        }
        Ok(is_here)
    }

    /// Makes sure that the audio store is there and this library's.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if it is not; those of the store.
    pub(crate) async fn look(&self) -> Result<()> {
        match self.is_store_here().await? {
            true => Ok(()),
            false => Err(Error::storage("reading audio")(said(format!(
                "{} is not the audio store of this library any more: mount its disk again",
                self.audio.address()
            )))),
        }
    }

    /// Notes damage that a reading finds, unless the audio was put anew meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the reading; another one where damage could not be noted, or all audio is away, which says
    /// nothing of this audio.
    pub(crate) async fn noting<T>(
        &self,
        content: &ContentHash,
        reading: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let healed = self.healed(content).await?;
        let read = reading.await;
        if let Err(Error::Damaged { what }) = &read {
            self.look().await?;
            self.note_damage(content, what, healed).await?;
        }
        read
    }

    /// How often audio was put into the store anew; none of audio that belongs to nobody.
    async fn healed(&self, content: &ContentHash) -> Result<Option<i64>> {
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query_scalar("SELECT healed FROM audio WHERE content = $1")
                .bind(&content.as_bytes()[..])
                .fetch_optional(&mut *held)
                .await
                .map_err(|error| server.failed("asking for audio", error))
        };
        let healed = self.connections.answered(work).await?;
        held.give_back();
        Ok(healed)
    }

    async fn note_damage(
        &self,
        content: &ContentHash,
        what: &str,
        healed: Option<i64>,
    ) -> Result<()> {
        self.chunks.remove(content);
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = async {
            let note = "UPDATE audio SET damaged = $2 \
                WHERE content = $1 AND healed = $3 AND damaged IS NULL";
            sqlx::query(note)
                .bind(&content.as_bytes()[..])
                .bind(what)
                .bind(healed)
                .execute(&mut *held)
                .await
                .map_err(|error| server.failed("noting damage", error))
        };
        let noted = self.connections.answered(work).await?;
        held.give_back();
        if noted.rows_affected() > 0 {
            tracing::warn!(%content, what, "audio is damaged, and no copy of its song any more");
        }
        Ok(())
    }

    /// Notes that audio was read and is whole, with these chunks.
    pub(crate) async fn note_whole(&self, chunks: &Chunks) -> Result<()> {
        let content = chunks.content();
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = async {
            let note = "UPDATE audio SET damaged = NULL, size = $2, chunks = $3 \
                WHERE content = $1 AND (damaged IS NOT NULL OR size <> $2 OR chunks <> $3)";
            sqlx::query(note)
                .bind(&content.as_bytes()[..])
                .bind(chunks.size().cast_signed())
                .bind(chunks.to_bytes())
                .execute(&mut *held)
                .await
                .map_err(|error| server.failed("noting that audio is whole", error))
        };
        let noted = self.connections.answered(work).await?;
        held.give_back();
        if noted.rows_affected() > 0 {
            self.chunks.remove(&content);
            tracing::info!(%content, "audio is whole again");
        }
        Ok(())
    }

    /// The recordings of a song whose audio is there: nobody found it damaged, and it has its size. None
    /// while all audio is away.
    pub(crate) async fn whole(&self, song: &Song) -> Result<HashSet<ContentHash>> {
        if !self.is_store_here().await? {
            return Ok(HashSet::new());
        }
        let mut held = self.connections.take().await?;
        let work = whole(&mut held, &self.connections.server, song);
        let mut whole = self.connections.answered(work).await?;
        held.give_back();
        for recording in song.recordings() {
            let content = recording.content;
            if whole.contains(&content) && !self.has_its_size(&content, recording.size).await? {
                let sized = async {
                    match self.has_its_size(&content, recording.size).await? {
                        true => Ok(()),
                        false => Err(Error::Damaged {
                            what: "it is not in the store with its size".to_owned(),
                        }),
                    }
                };
                match self.noting(&content, sized).await {
                    Ok(()) => {}
                    Err(Error::Damaged { .. }) => {
                        whole.remove(&content);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(whole)
    }

    /// Whether audio is in the store with its size: a question that is cheap.
    pub(crate) async fn has_its_size(&self, content: &ContentHash, size: u64) -> Result<bool> {
        match self.audio.size(content).await {
            Ok(found) => Ok(found == Some(size)),
            Err(Error::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether audio of a song is there and is what was uploaded, all of it. Reads it.
    pub(crate) async fn is_whole(
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
pub(crate) async fn whole(
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
pub(crate) async fn heal(
    connection: &mut PgConnection,
    server: &Server,
    chunks: &Chunks,
) -> Result<()> {
    let put = "INSERT INTO audio (content, size, chunks) VALUES ($1, $2, $3) \
        ON CONFLICT (content) DO UPDATE SET damaged = NULL, size = excluded.size, \
            chunks = excluded.chunks, healed = audio.healed + 1";
    sqlx::query(put)
        .bind(chunks.content().as_bytes().to_vec())
        .bind(chunks.size().cast_signed())
        .bind(chunks.to_bytes())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| server.failed("healing a song", error))
}
