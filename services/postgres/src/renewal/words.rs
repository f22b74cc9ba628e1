//! Rows of songs made anew, where an older program made them that knew fewer forms of a word.
//!
//! The rows are made of the recordings alone, so this may be broken off anywhere and begun again. It is
//! done before the library answers: until then some searches would miss songs.

use sqlx::{Connection, PgConnection};

use crate::{facts::Facts, failing::Server, forms::remember, songs::songs};
use kadenza_contract::{Error, Result};

/// The version of what [`Facts`] says of a song. Another way to fold or to take words apart is another
/// number.
const WORDS_VERSION: i32 = 4;

/// How many songs are made anew at a time. A guess: some ten milliseconds.
const BATCH: i64 = 200;

/// Of servers that open a library at once one does the work; the others wait. Any number would do.
const LOCK: i64 = 0x6b61_6465_6e7a_6102;

/// Makes all rows anew if they are of an older version.
pub(crate) async fn renew(connection: &mut PgConnection, server: &Server) -> Result<()> {
    let failed = |error| server.failed("making the words of songs anew", error);
    if version(connection, server).await? >= WORDS_VERSION {
        return Ok(());
    }
    let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK);
    lock.execute(&mut *connection).await.map_err(failed)?;
    // The connection is closed afterwards, which frees the lock, also after an error.
    if version(connection, server).await? >= WORDS_VERSION {
        return Ok(());
    }
    let mut last: Vec<u8> = Vec::new();
    let mut count = 0;
    loop {
        let mut transaction = connection.begin().await.map_err(failed)?;
        let ids: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT id FROM songs WHERE id > $1 ORDER BY id LIMIT $2 FOR UPDATE",
        )
        .bind(&last)
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
        let Some(end) = ids.last() else { break };
        let rows = sqlx::query("SELECT song, description FROM recordings WHERE song = ANY($1)")
            .bind(&ids)
            .fetch_all(&mut *transaction)
            .await
            .map_err(failed)?;
        let songs = songs(&rows)?;
        remember(&mut transaction, &songs).await.map_err(failed)?;
        for song in &songs {
            let facts = Facts::of(song);
            facts.update(&mut transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        count += ids.len();
        last.clone_from(end);
    }
    let done = sqlx::query("UPDATE library SET words = $1").bind(WORDS_VERSION);
    done.execute(&mut *connection).await.map_err(failed)?;
    if count > 0 {
        tracing::info!(songs = count, "the words of all songs were made anew");
    }
    Ok(())
}

async fn version(connection: &mut PgConnection, server: &Server) -> Result<i32> {
    let version = sqlx::query_scalar("SELECT words FROM library");
    let version = version.fetch_optional(connection).await;
    version
        .map_err(|error| server.failed("opening the database", error))?
        .ok_or_else(|| Error::storage("opening the database")("the library has no name".into()))
}
