//! Songs that are taken over from another library, with audio that is in the store already.

use kadenza_contract::{Chunks, Error, Result, Song};
use sqlx::{Connection, PgConnection};

use super::{
    Inner,
    arrivals::{is_removing, lock},
    facts::Facts,
    failing::Server,
    forms::remember,
    recordings::{known, merge, recordings},
};

impl Inner {
    /// Songs of another library; see [`PostgresLibrary::adopt`](super::PostgresLibrary::adopt).
    pub(super) async fn adopt(&self, songs: &[(Song, Vec<Chunks>)]) -> Result<()> {
        for (song, chunks) in songs {
            let has = |content| chunks.iter().any(|chunks| chunks.content() == content);
            if !song.recordings().iter().all(|of| has(of.content)) {
                return Err(Error::Invalid {
                    what: format!("the pieces of a recording of {} are missing", song.id()),
                });
            }
        }
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let work = adopt(&mut held, server, songs);
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }
}

async fn adopt(
    connection: &mut PgConnection,
    server: &Server,
    songs: &[(Song, Vec<Chunks>)],
) -> Result<()> {
    let failed = |error| server.failed("adopting songs", error);
    let taken = songs.iter().map(|(song, _)| song);
    remember(connection, taken).await.map_err(failed)?;
    let mut transaction = connection.begin().await.map_err(failed)?;
    // In one order, so that two servers that adopt the same songs do not wait for each other.
    let mut contents: Vec<_> = songs
        .iter()
        .flat_map(|(_, chunks)| chunks.iter().map(Chunks::content))
        .collect();
    contents.sort_unstable();
    contents.dedup();
    for content in &contents {
        lock(&mut transaction, content).await.map_err(failed)?;
    }
    for content in &contents {
        if is_removing(&mut transaction, content)
            .await
            .map_err(failed)?
        {
            return Err(Error::Busy);
        }
    }
    let mut facts: Vec<Facts> = songs.iter().map(|(song, _)| Facts::of(song)).collect();
    facts.sort_by_key(Facts::id);
    facts.dedup_by_key(|facts| facts.id());
    let new = Facts::insert(&facts, &mut transaction)
        .await
        .map_err(failed)?;
    let (mut fresh, mut repeated): (Vec<_>, Vec<_>) = songs
        .iter()
        .cloned()
        .partition(|(song, _)| new.iter().any(|id| id[..] == song.id().as_bytes()[..]));
    // A song that comes twice is merged with itself.
    fresh.sort_by_key(|(song, _)| song.id());
    let twice = fresh
        .chunk_by(|(a, _), (b, _)| a.id() == b.id())
        .flat_map(|same| same.iter().skip(1).cloned());
    repeated.extend(twice.collect::<Vec<_>>());
    fresh.dedup_by_key(|(song, _)| song.id());
    repeated.sort_by_key(|(song, _)| song.id());
    if !fresh.is_empty() {
        recordings(&mut transaction, server, &fresh).await?;
    }
    for (other, chunks) in repeated {
        let there = known(&mut transaction, server, &other.id()).await?;
        merge(&mut transaction, server, there, &other, chunks).await?;
    }
    transaction.commit().await.map_err(failed)
}
