//! Recordings that an earlier reader described are read anew, one after the other, while the library answers.
//!
//! What names a song stays, so that every song keeps its id. Two servers may do the same work; the outcome is
//! the same. Once a server is through, the database says so, and the next one has nothing to do.

use std::sync::{Arc, Weak};

use sqlx::{Connection, PgConnection, Row};

use crate::{
    Inner,
    facts::Facts,
    failing::Server,
    forms::remember,
    recordings::known,
    songs::{hash, malformed},
};
use kadenza_audio::{AudioReader, READER, StoredAudio};
use kadenza_contract::{ContentHash, Error, Recording, Result, Song};

/// How many recordings are looked at at a time.
const AT_ONCE: i64 = 200;

async fn read_anew(library: Weak<Inner>) {
    if let Err(error) = go_through(&library).await {
        tracing::debug!(error = %error.chain(), "reading audio anew is put off to the next start");
    }
}

async fn go_through(library: &Weak<Inner>) -> Result<()> {
    let (mut after, mut count, mut is_whole) = ([[0; 32]; 2], 0u64, true);
    loop {
        let Some(inner) = library.upgrade() else {
            return Ok(());
        };
        if count == 0 && after == [[0; 32]; 2] && inner.reader().await? >= READER {
            return Ok(());
        }
        let Some((last, old)) = inner.old_behind(&after).await? else {
            if is_whole {
                inner.all_are_new().await?;
            }
            break;
        };
        drop(inner);
        after = last;
        for recording in old {
            let Some(inner) = library.upgrade() else {
                return Ok(());
            };
            match inner.renewed(&recording).await {
                Ok(is_new) => count += u64::from(is_new),
                Err(error) => {
                    is_whole &= !error.is_transient();
                    let content = recording.content;
                    tracing::debug!(%content, error = %error.chain(), "audio was not read anew");
                }
            }
        }
    }
    if count > 0 {
        tracing::info!(
            recordings = count,
            "descriptions of an earlier program were made anew"
        );
    }
    Ok(())
}

/// A place among recordings: song and content.
type Place = [[u8; 32]; 2];

impl Inner {
    /// Begins to read anew what needs it. That ends when all is done or the library is closed.
    pub(crate) fn begin_reading_anew(self: &Arc<Inner>) {
        tokio::spawn(read_anew(Arc::downgrade(self)));
    }

    async fn reader(&self) -> Result<u32> {
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = async {
            let reader = sqlx::query_scalar("SELECT reader FROM library");
            let reader: Option<i32> = reader
                .fetch_optional(&mut *held)
                .await
                .map_err(|error| server.failed("opening the database", error))?;
            Ok::<_, Error>(reader.unwrap_or(0).unsigned_abs())
        };
        let reader = self.connections.answered(work).await?;
        held.give_back();
        Ok(reader)
    }

    async fn all_are_new(&self) -> Result<()> {
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query("UPDATE library SET reader = greatest(reader, $1)")
                .bind(READER.cast_signed())
                .execute(&mut *held)
                .await
                .map_err(|error| server.failed("reading audio anew", error))
        };
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }

    /// The recordings behind a place that need it, and the place where that ends; `None` behind the last.
    async fn old_behind(&self, after: &Place) -> Result<Option<(Place, Vec<Recording>)>> {
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = async {
            let page = "SELECT song, content, description FROM recordings \
                WHERE (song, content) > ($1, $2) ORDER BY song, content LIMIT $3";
            sqlx::query(page)
                .bind(after[0].to_vec())
                .bind(after[1].to_vec())
                .bind(AT_ONCE)
                .fetch_all(&mut *held)
                .await
                .map_err(|error| server.failed("reading recordings", error))
        };
        let rows = self.connections.answered(work).await?;
        held.give_back();
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        let mut old = Vec::new();
        for row in &rows {
            let description: &str = row.try_get(2).map_err(malformed)?;
            let recording: Recording = serde_json::from_str(description)
                .map_err(|error| Error::storage("reading a song")(error.into()))?;
            if recording.reader < READER {
                old.push(recording);
            }
        }
        Ok(Some(([hash(last, 0)?, hash(last, 1)?], old)))
    }

    async fn renewed(&self, old: &Recording) -> Result<bool> {
        let open = async {
            let chunks = self.chunks(&old.content).await?;
            let audio = |chunks| StoredAudio::new(Arc::clone(&self.audio), chunks);
            Ok(chunks.map(|chunks| AudioReader::new(Arc::new(audio(chunks)))))
        };
        let Some(recording) = self.intake.renewed(old, open).await? else {
            return Ok(false);
        };
        let content = recording.content;
        let mut held = self.connections.take().await?;
        let work = write(
            &mut held,
            &self.connections.server,
            &content,
            Song::new(recording),
        );
        self.connections.answered(work).await?;
        held.give_back();
        Ok(true)
    }
}

async fn write(
    connection: &mut PgConnection,
    server: &Server,
    content: &ContentHash,
    renewed: Song,
) -> Result<()> {
    let failed = |error| server.failed("reading audio anew", error);
    remember(connection, [&renewed]).await.map_err(failed)?;
    let mut transaction = connection.begin().await.map_err(failed)?;
    let mut song = known(&mut transaction, server, &renewed.id()).await?;
    if song.merge(&renewed)
        && let Some(recording) = song.recording(content)
    {
        let description = serde_json::to_string(recording)
            .map_err(|error| Error::storage("reading audio anew")(error.into()))?;
        let facts = Facts::of(&song);
        facts.update(&mut transaction).await.map_err(failed)?;
        sqlx::query("UPDATE recordings SET description = $3 WHERE song = $1 AND content = $2")
            .bind(song.id().as_bytes().to_vec())
            .bind(content.as_bytes().to_vec())
            .bind(description)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}
