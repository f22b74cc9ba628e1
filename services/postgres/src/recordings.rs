//! Recordings of songs and their audio, as rows.

use kadenza_contract::{Chunks, Error, Result, Song, SongId};
use sqlx::{PgConnection, QueryBuilder};

use super::{facts::Facts, failing::Server, songs::song};

/// Writes audio and recordings of songs whose rows are there.
pub(super) async fn recordings(
    connection: &mut PgConnection,
    server: &Server,
    songs: &[(Song, Vec<Chunks>)],
) -> Result<()> {
    let failed = |error| server.failed("adding a song", error);
    let mut audio = QueryBuilder::new("INSERT INTO audio (content, size, chunks) ");
    let chunks = songs.iter().flat_map(|(_, chunks)| chunks);
    audio.push_values(chunks, |mut values, chunks| {
        values.push_bind(chunks.content().as_bytes().to_vec());
        values.push_bind(chunks.size().cast_signed());
        values.push_bind(chunks.to_bytes());
    });
    audio.push(" ON CONFLICT (content) DO NOTHING");
    audio
        .build()
        .execute(&mut *connection)
        .await
        .map_err(failed)?;

    let mut rows = Vec::new();
    for (song, _) in songs {
        for recording in song.recordings() {
            let description = serde_json::to_string(recording)
                .map_err(|error| Error::storage("adding a song")(error.into()))?;
            rows.push((song.id(), recording.content, description));
        }
    }
    let mut insert = QueryBuilder::new("INSERT INTO recordings (song, content, description) ");
    insert.push_values(rows, |mut values, (song, content, description)| {
        values.push_bind(song.as_bytes().to_vec());
        values.push_bind(content.as_bytes().to_vec());
        values.push_bind(description);
    });
    insert.push(
        " ON CONFLICT (song, content) DO UPDATE SET description = excluded.description \
            WHERE recordings.description <> excluded.description",
    );
    insert.build().execute(connection).await.map_err(failed)?;
    Ok(())
}

/// A song whose row is there, which nobody else changes until the transaction ends.
pub(super) async fn known(
    connection: &mut PgConnection,
    server: &Server,
    id: &SongId,
) -> Result<Song> {
    let failed = |error| server.failed("adding a recording", error);
    sqlx::query("SELECT FROM songs WHERE id = $1 FOR UPDATE")
        .bind(id.as_bytes().to_vec())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let there = song(connection, server, id).await?;
    there.ok_or_else(|| {
        Error::storage("adding a recording")("a song is there without a recording".into())
    })
}

/// Adds the recordings of another one to a song that is there. Gives the song as it is then.
pub(super) async fn merge(
    connection: &mut PgConnection,
    server: &Server,
    there: Song,
    other: &Song,
    chunks: Vec<Chunks>,
) -> Result<Song> {
    let mut merged = there;
    if merged.merge(other) {
        let failed = |error| server.failed("adding a recording", error);
        let facts = Facts::of(&merged);
        facts.update(connection).await.map_err(failed)?;
        recordings(connection, server, &[(merged.clone(), chunks)]).await?;
    }
    Ok(merged)
}
