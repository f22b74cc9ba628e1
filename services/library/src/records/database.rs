//! The database of a library: SQLite in one file.
//!
//! It is written by one connection (the [writer](crate::writer)'s), and read when the library is
//! opened and when an audio file is. A commit is synced to the disk before it returns.

use std::{borrow::Cow, collections::HashMap, path::Path, sync::Arc};

use futures_util::TryStreamExt;
use sqlx::{
    Connection, Row, SqlStr, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use tokio::sync::mpsc;

use super::{
    catalogue::{Changes, HeldAudio},
    errors::database,
};
use crate::{card::Card, index::Moment};
use kadenza_audio::said;
use kadenza_contract::{Chunks, ContentHash, Error, Result, Song, SongId};

/// One connection writes; few readers are enough, since the rest is answered from memory.
const CONNECTIONS_MAX: u32 = 4;
/// How many cards are handed over at once when all are read.
const CARDS_MAX: usize = 512;

const READING: &str = "reading the database";
const WRITING: &str = "writing to the database";

/// The changes of the tables since the first version. Their texts, versions and descriptions are in
/// every database that there is, and must not change.
fn migrations() -> Migrator {
    let migration = |version, description, sql| {
        let sql = SqlStr::from_static(sql);
        Migration::new(
            version,
            Cow::Borrowed(description),
            MigrationType::Simple,
            sql,
            false,
        )
    };
    Migrator::with_migrations(vec![
        migration(1, "songs", include_str!("../../migrations/0001_songs.sql")),
        migration(
            2,
            "changes",
            include_str!("../../migrations/0002_changes.sql"),
        ),
        migration(
            3,
            "damaged",
            include_str!("../../migrations/0003_damaged.sql"),
        ),
    ])
}

/// The tables of a library.
#[derive(Debug)]
pub(crate) struct Database {
    pool: SqlitePool,
}

impl Database {
    /// Opens the database, making or bringing it up to date.
    pub(crate) async fn open(path: &Path) -> Result<Database> {
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
        migrations()
            .run(&pool)
            .await
            .map_err(|error| Error::storage("bringing the database up to date")(error.into()))?;
        Ok(Database { pool })
    }

    /// The connection for writing.
    pub(crate) async fn writer(&self) -> Result<Writing> {
        let connection = self.pool.acquire().await;
        let connection = connection.map_err(database("opening the database"))?;
        Ok(Writing { connection })
    }

    /// How many bytes all audio has.
    pub(crate) async fn audio_bytes(&self) -> Result<u64> {
        let row = sqlx::query("SELECT coalesce(sum(size), 0) FROM audio")
            .fetch_one(&self.pool)
            .await
            .map_err(database(READING))?;
        size(&row, 0)
    }

    /// Some audio that the database knows, at most eight pieces; none only if it knows none.
    pub(crate) async fn some_audio(&self) -> Result<Vec<ContentHash>> {
        let rows = sqlx::query("SELECT content FROM audio ORDER BY content LIMIT 8")
            .fetch_all(&self.pool)
            .await
            .map_err(database(READING))?;
        let contents = rows
            .iter()
            .map(|row| hash(row, 0).map(ContentHash::from_bytes));
        contents.collect()
    }

    /// The audio that was found damaged, and what was found.
    pub(crate) async fn damaged(&self) -> Result<HashMap<ContentHash, String>> {
        let rows = sqlx::query("SELECT content, why FROM damaged")
            .fetch_all(&self.pool)
            .await
            .map_err(database(READING))?;
        let damaged = rows.iter().map(|row| {
            let why = row.try_get(1).map_err(database(READING))?;
            Ok((ContentHash::from_bytes(hash(row, 0)?), why))
        });
        damaged.collect()
    }

    /// Which library this is, and how far it has come.
    pub(crate) async fn moment(&self) -> Result<Moment> {
        let row = sqlx::query("SELECT library, last, since FROM changes")
            .fetch_one(&self.pool)
            .await
            .map_err(database(READING))?;
        let library: &[u8] = row.try_get(0).map_err(database(READING))?;
        let library = library.try_into();
        Ok(Moment {
            library: library.map_err(|_| {
                Error::storage(READING)(said("the library's name has not 16 bytes"))
            })?,
            last: size(&row, 1)?,
            since: size(&row, 2)?,
        })
    }

    /// The songs that were forgotten after a change, and are not there again.
    pub(crate) async fn forgotten_since(&self, change: u64) -> Result<Vec<SongId>> {
        let rows = sqlx::query("SELECT id FROM forgotten WHERE change > ?")
            .bind(change.cast_signed())
            .fetch_all(&self.pool)
            .await
            .map_err(database(READING))?;
        rows.iter()
            .map(|row| Ok(SongId::from_bytes(hash(row, 0)?)))
            .collect()
    }

    /// Lets go of what was forgotten up to a change, since an index has it.
    pub(crate) async fn prune(&self, change: u64) -> Result<()> {
        let doing = database(WRITING);
        let mut transaction = match self.pool.begin().await {
            Ok(transaction) => transaction,
            Err(error) => return Err(doing(error)),
        };
        let pruned = async {
            sqlx::query("DELETE FROM forgotten WHERE change <= ?")
                .bind(change.cast_signed())
                .execute(&mut *transaction)
                .await?;
            sqlx::query("UPDATE changes SET since = ?")
                .bind(change.cast_signed())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        };
        pruned.await.map_err(doing)
    }

    /// Gives every card that changed after a change to a reader, or with `None` every card, in batches,
    /// until there are no more or the reader is gone.
    pub(crate) async fn cards(
        &self,
        since: Option<u64>,
        into: mpsc::Sender<Vec<RawCard>>,
    ) -> Result<()> {
        let mut batch = Vec::new();
        let mut rows = match since {
            None => sqlx::query("SELECT song, held FROM songs"),
            Some(change) => sqlx::query("SELECT song, held FROM songs WHERE change > ?")
                .bind(change.cast_signed()),
        }
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await.map_err(database(READING))? {
            batch.push(RawCard {
                song: row.try_get(0).map_err(database(READING))?,
                held: row.try_get(1).map_err(database(READING))?,
            });
            if batch.len() == CARDS_MAX && into.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(());
            }
        }
        // A reader that is gone does not need the last cards.
        let _ = into.send(batch).await;
        Ok(())
    }

    /// The hashes of the chunks of audio that is here.
    pub(crate) async fn chunks(&self, content: &ContentHash) -> Result<Option<Chunks>> {
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
pub(crate) struct RawCard {
    song: String,
    held: Vec<u8>,
}

impl RawCard {
    /// Reads it.
    pub(crate) fn parse(&self) -> Result<Card> {
        let song: Song = serde_json::from_str(&self.song)
            .map_err(|error| Error::storage(READING)(error.into()))?;
        let (held, _) = self.held.as_chunks::<32>();
        let held = held.iter().copied().map(ContentHash::from_bytes).collect();
        Ok(Card {
            song,
            held,
            damaged: Vec::new(),
        })
    }
}

/// The connection for writing.
#[derive(Debug)]
pub(crate) struct Writing {
    connection: sqlx::pool::PoolConnection<sqlx::Sqlite>,
}

/// How a transaction failed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Before the end: nothing was written.
    Before(Error),
    /// While committing: it may have been written.
    Committing(Error),
}

impl Writing {
    /// Writes changes, all or none of them, and gives their number. `arrived` has the hashes of audio
    /// that is new.
    pub(crate) async fn write(
        &mut self,
        changes: &Changes,
        arrived: &HashMap<ContentHash, Arc<Chunks>>,
    ) -> Result<u64, Failed> {
        let before = |error| Failed::Before(database(WRITING)(error));
        let mut transaction = self.connection.begin().await.map_err(before)?;
        let row = sqlx::query("UPDATE changes SET last = last + 1 RETURNING last")
            .fetch_one(&mut *transaction)
            .await
            .map_err(before)?;
        let number = size(&row, 0).map_err(Failed::Before)?;
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
        for (content, why) in &changes.damaged {
            damage(&mut transaction, content, why.as_deref())
                .await
                .map_err(before)?;
        }
        for (id, card) in &changes.cards {
            song(&mut transaction, id, card.as_deref(), number)
                .await
                .map_err(Failed::Before)?;
        }
        let committed = transaction.commit().await;
        committed.map_err(|error| Failed::Committing(database(WRITING)(error)))?;
        Ok(number)
    }
}

async fn audio(
    connection: &mut SqliteConnection,
    content: &ContentHash,
    held: Option<&HeldAudio>,
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

async fn damage(
    connection: &mut SqliteConnection,
    content: &ContentHash,
    why: Option<&str>,
) -> Result<(), sqlx::Error> {
    let query = match why {
        Some(why) => sqlx::query("INSERT OR REPLACE INTO damaged (content, why) VALUES (?, ?)")
            .bind(&content.as_bytes()[..])
            .bind(why),
        None => sqlx::query("DELETE FROM damaged WHERE content = ?").bind(&content.as_bytes()[..]),
    };
    query.execute(connection).await.map(|_| ())
}

async fn song(
    connection: &mut SqliteConnection,
    id: &SongId,
    card: Option<&Card>,
    number: u64,
) -> Result<()> {
    let id = &id.as_bytes()[..];
    let forgotten = match card {
        None => sqlx::query("INSERT OR REPLACE INTO forgotten (id, change) VALUES (?, ?)")
            .bind(id)
            .bind(number.cast_signed()),
        Some(_) => sqlx::query("DELETE FROM forgotten WHERE id = ?").bind(id),
    };
    let noted = forgotten.execute(&mut *connection).await;
    noted.map_err(database(WRITING))?;
    let query = match card {
        None => sqlx::query("DELETE FROM songs WHERE id = ?").bind(id),
        Some(card) => {
            let text = serde_json::to_string(&card.song)
                .map_err(|error| Error::storage("writing a song")(error.into()))?;
            let held: Vec<u8> = card.held.iter().flat_map(|c| *c.as_bytes()).collect();
            let insert =
                "INSERT OR REPLACE INTO songs (id, song, held, change) VALUES (?, ?, ?, ?)";
            sqlx::query(insert)
                .bind(id)
                .bind(text)
                .bind(held)
                .bind(number.cast_signed())
        }
    };
    let done = query.execute(connection).await;
    done.map(|_| ()).map_err(database(WRITING))
}

fn hash(row: &SqliteRow, column: usize) -> Result<[u8; 32]> {
    let raw: &[u8] = row.try_get(column).map_err(database(READING))?;
    raw.try_into()
        .map_err(|_| Error::storage(READING)(said("a hash has not 32 bytes")))
}

fn size(row: &SqliteRow, column: usize) -> Result<u64> {
    let size: i64 = row.try_get(column).map_err(database(READING))?;
    Ok(size.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_of_every_version_still_match_the_migrations() {
        let known: Vec<_> = migrations()
            .iter()
            .map(|one| {
                (
                    one.version,
                    one.description.clone(),
                    hex::encode(&one.checksum),
                )
            })
            .collect();
        let expected = [
            (
                1,
                "songs",
                "826d416bef2c3e376873f3978d4d7c32aba479d66dcb1e451eabc724c0b7db96\
                 871bd115df9f37049a963009707e509e",
            ),
            (
                2,
                "changes",
                "b60f5212e32864b684a070bd42778a173caa7d279c0638b85ec2d434c07d7386\
                 4aed753404906e930e282b44c9b5741e",
            ),
            (
                3,
                "damaged",
                "247b674979809346ae8c8257f3568582a3a34c7bcf77633940993172d9660eb5\
                 5165cb1af3364bebbe1f3c9a638ad795",
            ),
        ];
        let expected = expected.map(|(version, description, checksum)| {
            (version, Cow::Borrowed(description), checksum.to_owned())
        });
        assert_eq!(known, expected);
    }
}
