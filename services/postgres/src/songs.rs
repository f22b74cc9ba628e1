//! Songs from rows, and what their audio is checked with.

use std::collections::HashMap;

use sqlx::{PgConnection, Row, postgres::PgRow};

use super::failing::Server;
use kadenza_contract::{Chunks, ContentHash, Error, Recording, Result, Song, SongId};

const READING: &str = "reading a song";

/// Songs from rows of (song, description), each as often as it has recordings, in any order.
pub(super) fn songs(rows: &[PgRow]) -> Result<Vec<Song>> {
    let mut recordings: HashMap<SongId, Vec<Recording>> = HashMap::new();
    let mut order = Vec::new();
    for row in rows {
        let id = SongId::from_bytes(hash(row, 0)?);
        let description: &str = row.try_get(1).map_err(malformed)?;
        let recording = serde_json::from_str(description)
            .map_err(|error| Error::storage(READING)(error.into()))?;
        let of_song = recordings.entry(id).or_default();
        if of_song.is_empty() {
            order.push(id);
        }
        of_song.push(recording);
    }
    order
        .iter()
        .filter_map(|id| recordings.remove(id))
        .map(|recordings| {
            Song::from_recordings(recordings).map_err(|error| Error::storage(READING)(error.into()))
        })
        .collect()
}

/// A song that the database knows.
pub(super) async fn song(
    connection: &mut PgConnection,
    server: &Server,
    id: &SongId,
) -> Result<Option<Song>> {
    let rows = sqlx::query("SELECT song, description FROM recordings WHERE song = $1")
        .bind(&id.as_bytes()[..])
        .fetch_all(connection)
        .await
        .map_err(|error| server.failed(READING, error))?;
    Ok(songs(&rows)?.pop())
}

/// The hashes of the chunks of audio that belongs to the library, and whether it is damaged.
pub(super) async fn chunks(
    connection: &mut PgConnection,
    server: &Server,
    content: &ContentHash,
) -> Result<Option<(Chunks, bool)>> {
    let row = sqlx::query("SELECT size, chunks, damaged IS NOT NULL FROM audio WHERE content = $1")
        .bind(&content.as_bytes()[..])
        .fetch_optional(connection)
        .await
        .map_err(|error| server.failed("reading what is known of audio", error))?;
    let Some(row) = row else { return Ok(None) };
    let size: i64 = row.try_get(0).map_err(malformed)?;
    let raw: &[u8] = row.try_get(1).map_err(malformed)?;
    let is_damaged: bool = row.try_get(2).map_err(malformed)?;
    let chunks = Chunks::from_bytes(content, size.cast_unsigned(), raw);
    let known = chunks.map(|chunks| Some((chunks, is_damaged)));
    known.map_err(|error| Error::Damaged {
        what: format!("what the database knows of audio {content}: {error}"),
    })
}

/// A column of 32 bytes.
pub(super) fn hash(row: &PgRow, column: usize) -> Result<[u8; 32]> {
    let raw: &[u8] = row.try_get(column).map_err(malformed)?;
    raw.try_into()
        .map_err(|_| Error::storage(READING)("a hash has not 32 bytes".into()))
}

/// A row is not what this program writes.
pub(super) fn malformed(error: sqlx::Error) -> Error {
    Error::storage(READING)(error.into())
}
