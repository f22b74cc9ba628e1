//! The database of a library: SQLite in one file.
//!
//! It is written by one connection (the [writer](super::writer)'s), and read when the library is
//! opened and when an audio file is. A commit is synced to the disk before it returns.

use std::{collections::HashMap, path::Path, sync::Arc};

use futures_util::TryStreamExt;
use sqlx::{
    Connection, Row, SqliteConnection, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use tokio::sync::mpsc;

use super::{
    card::Card,
    catalogue::{Changes, Held},
    failing::database,
};
use crate::{Chunks, ContentHash, Error, Result, Song, SongId};

/// One connection writes; few readers are enough, since the rest is answered from memory.
const CONNECTIONS_MAX: u32 = 4;
/// How many cards are handed over at once when all are read.
const CARDS_MAX: usize = 512;

const READING: &str = "reading the database";
const WRITING: &str = "writing to the database";

/// The tables of a library.
#[derive(Debug)]
pub(super) struct Database {
    pool: SqlitePool,
}

impl Database {
    /// Opens the database, making or bringing it up to date.
    pub(super) async fn open(path: &Path) -> Result<Database> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // How many rows wait between SQLite's thread and ours: each wait is two switches.
            .row_buffer_size(CARDS_MAX);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await
            .map_err(database("opening the database"))?;
        sqlx::migrate!("src/library/migrations")
            .run(&pool)
            .await
            .map_err(|error| Error::storage("bringing the database up to date")(error.into()))?;
        Ok(Database { pool })
    }

    /// The connection for writing.
    pub(super) async fn writer(&self) -> Result<Writing> {
        let connection = self.pool.acquire().await;
        let connection = connection.map_err(database("opening the database"))?;
        Ok(Writing { connection })
    }

    /// How many bytes all audio has.
    pub(super) async fn audio_bytes(&self) -> Result<u64> {
        let row = sqlx::query("SELECT coalesce(sum(size), 0) FROM audio")
            .fetch_one(&self.pool)
            .await
            .map_err(database(READING))?;
        size(&row, 0)
    }

    /// Gives every card to a reader, in batches, until there are no more or the reader is gone.
    pub(super) async fn cards(&self, into: mpsc::Sender<Vec<RawCard>>) -> Result<()> {
        let mut batch = Vec::new();
        let mut rows = sqlx::query("SELECT song, held FROM songs").fetch(&self.pool);
        while let Some(row) = rows.try_next().await.map_err(database(READING))? {
            batch.push(RawCard {
                song: row.try_get(0).map_err(database(READING))?,
                held: row.try_get(1).map_err(database(READING))?,
            });
            if batch.len() == CARDS_MAX && into.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(());
            }
        }
        // Whoever is gone does not miss the last ones.
        let _ = into.send(batch).await;
        Ok(())
    }

    /// The hashes of the pieces of audio that is here.
    pub(super) async fn chunks(&self, content: &ContentHash) -> Result<Option<Chunks>> {
        let row = sqlx::query("SELECT size, chunks FROM audio WHERE content = ?")
            .bind(&content.as_bytes()[..])
            .fetch_optional(&self.pool)
            .await
            .map_err(database(READING))?;
        let Some(row) = row else { return Ok(None) };
        let raw: &[u8] = row.try_get(1).map_err(database(READING))?;
        let chunks =
            Chunks::from_bytes(content, size(&row, 0)?, raw).map_err(|error| Error::Damaged {
                what: format!("the hashes of audio {content}: {error}"),
            })?;
        Ok(Some(chunks))
    }
}

/// A card as it is in the database.
#[derive(Debug)]
pub(super) struct RawCard {
    song: String,
    held: Vec<u8>,
}

impl RawCard {
    /// Reads it.
    pub(super) fn parse(&self) -> Result<Card> {
        let song: Song = serde_json::from_str(&self.song)
            .map_err(|error| Error::storage(READING)(error.into()))?;
        let (held, _) = self.held.as_chunks::<32>();
        let held = held.iter().copied().map(ContentHash::from_bytes).collect();
        Ok(Card { song, held })
    }
}

/// The connection for writing.
#[derive(Debug)]
pub(super) struct Writing {
    connection: sqlx::pool::PoolConnection<sqlx::Sqlite>,
}

/// How a transaction failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// Before the end: nothing was written.
    Before(Error),
    /// While committing: it may have been written.
    Committing(Error),
}

impl Writing {
    /// Writes changes, all or none of them. `arrived` has the hashes of audio that is new.
    pub(super) async fn write(
        &mut self,
        changes: &Changes,
        arrived: &HashMap<ContentHash, Arc<Chunks>>,
    ) -> Result<(), Failed> {
        let before = |error| Failed::Before(database(WRITING)(error));
        let mut transaction = self.connection.begin().await.map_err(before)?;
        for (content, held) in &changes.audio {
            audio(
                &mut transaction,
                content,
                held.as_ref(),
                arrived.get(content),
            )
            .await
            .map_err(before)?;
        }
        for (id, card) in &changes.cards {
            song(&mut transaction, id, card.as_deref())
                .await
                .map_err(Failed::Before)?;
        }
        let committed = transaction.commit().await;
        committed.map_err(|error| Failed::Committing(database(WRITING)(error)))
    }
}

async fn audio(
    connection: &mut SqliteConnection,
    content: &ContentHash,
    held: Option<&Held>,
    arrived: Option<&Arc<Chunks>>,
) -> Result<(), sqlx::Error> {
    let query = match (held, arrived) {
        (None, _) => {
            sqlx::query("DELETE FROM audio WHERE content = ?").bind(&content.as_bytes()[..])
        }
        (Some(held), Some(chunks)) => {
            sqlx::query("INSERT OR REPLACE INTO audio (content, size, chunks) VALUES (?, ?, ?)")
                .bind(&content.as_bytes()[..])
                .bind(held.size.cast_signed())
                .bind(chunks.to_bytes())
        }
        // Here before and here still: another song has it now as well.
        (Some(_), None) => return Ok(()),
    };
    query.execute(connection).await.map(|_| ())
}

async fn song(connection: &mut SqliteConnection, id: &SongId, card: Option<&Card>) -> Result<()> {
    let query = match card {
        None => sqlx::query("DELETE FROM songs WHERE id = ?").bind(&id.as_bytes()[..]),
        Some(card) => {
            let text = serde_json::to_string(&card.song)
                .map_err(|error| Error::storage("writing a song")(error.into()))?;
            let held: Vec<u8> = card.held.iter().flat_map(|c| *c.as_bytes()).collect();
            sqlx::query("INSERT OR REPLACE INTO songs (id, song, held) VALUES (?, ?, ?)")
                .bind(&id.as_bytes()[..])
                .bind(text)
                .bind(held)
        }
    };
    let done = query.execute(connection).await;
    done.map(|_| ()).map_err(database(WRITING))
}

fn size(row: &SqliteRow, column: usize) -> Result<u64> {
    let size: i64 = row.try_get(column).map_err(database(READING))?;
    Ok(size.cast_unsigned())
}
