//! An upload on its way into the library: its audio into the store, then its song into the database.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{Connection, PgConnection, QueryBuilder};
use tokio::time::{Instant, MissedTickBehavior};

use super::{
    Inner,
    arrivals::{Arrival, is_removing, lock},
    facts::Facts,
    failing::Server,
    songs::song,
};
use kadenza_audio::IncomingSong;
use kadenza_contract::{Chunks, Error, Outcome, Result, Song, Upload};

/// How often an upload whose lease was lost puts its audio again.
const ATTEMPTS_MAX: usize = 3;
/// How often a lease is renewed while it lasts.
const RENEWALS: u32 = 4;

/// What became of the attempt to give audio to its song.
enum Commit {
    Uploaded(Upload),
    /// Somebody may have removed the audio meanwhile.
    LeaseLost,
}

impl Inner {
    /// Adds a song that came in, unless it is there. When this returns it is durable and found.
    pub(super) async fn add(self: &Arc<Inner>, arrived: &IncomingSong) -> Result<Upload> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(song) = self.song(&arrived.song().id()).await? {
                return Ok(Upload {
                    song,
                    outcome: Outcome::AlreadyThere,
                });
            }
            let arrival = self.announce(arrived.chunks().content()).await?;
            let given = match self.put(arrival, arrived).await {
                Ok(()) => self.give(arrival, arrived).await,
                Err(error) => Err(error),
            };
            match given {
                Ok(Commit::Uploaded(upload)) => {
                    if upload.outcome == Outcome::AlreadyThere {
                        self.leave(arrival);
                    }
                    return Ok(upload);
                }
                Ok(Commit::LeaseLost) => self.leave(arrival),
                Err(error) => {
                    self.leave(arrival);
                    return Err(error);
                }
            }
        }
        Err(Error::Busy)
    }

    /// Lets an arrival go in the background, and clears it up. Where that fails, its lease ends by
    /// itself.
    fn leave(self: &Arc<Inner>, arrival: Arrival) {
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            if inner.let_go(arrival).await.is_ok() {
                inner.sweep.notify_one();
            }
        });
    }

    /// Puts the audio into the store, and says meanwhile that this server lives.
    async fn put(&self, arrival: Arrival, arrived: &IncomingSong) -> Result<()> {
        let (content, size) = (arrival.content, arrived.chunks().size());
        if arrival.is_known && self.audio.size(&content).await? == Some(size) {
            return Ok(());
        }
        let put = self.audio.put(&content, arrived.file(), size);
        tokio::pin!(put);
        let every = self.config.arrival_lease / RENEWALS;
        let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut put => return done,
                // Where this fails, the next may work; what counts is asked at the end.
                _ = ticks.tick() => {
                    if let Err(error) = self.renew(arrival).await {
                        tracing::debug!(error = %error.chain(), "a lease was not renewed");
                    }
                }
            }
        }
    }

    /// Gives audio that is in the store to its song.
    async fn give(&self, arrival: Arrival, arrived: &IncomingSong) -> Result<Commit> {
        let place = &self.connections.place;
        let committing = AtomicBool::new(false);
        let answer = async {
            let mut held = self.connections.take().await?;
            let work = give(&mut held, place, arrival, arrived, &committing);
            let given = self.connections.answered(work).await?;
            held.give_back();
            Ok(given)
        };
        match answer.await {
            Err(error) if committing.load(Ordering::Relaxed) => {
                self.find_out(arrival, arrived, error).await
            }
            answer => answer,
        }
    }

    /// What became of a commit that was not answered. While the database cannot tell, nobody can.
    async fn find_out(
        &self,
        arrival: Arrival,
        arrived: &IncomingSong,
        lost: Error,
    ) -> Result<Commit> {
        let begun = Instant::now();
        let place = &self.connections.place;
        let answer = async {
            let mut held = self.connections.take().await?;
            // Asked under the lock of the content: a transaction that still goes on has it.
            let work = is_given(&mut held, place, arrival, arrived);
            let is_given = self.connections.answered(work).await?;
            held.give_back();
            Ok::<bool, Error>(is_given)
        };
        match answer.await {
            Ok(true) => Ok(Commit::Uploaded(Upload {
                song: arrived.song().clone(),
                outcome: Outcome::Added,
            })),
            // Nothing happened, so this says the truth.
            Ok(false) => Err(match lost {
                unreachable @ Error::Unreachable { .. } => unreachable,
                other => Error::Unreachable {
                    place: place.name.clone(),
                    cause: other.into(),
                },
            }),
            Err(_) => Err(Error::Timeout {
                waited: begun.elapsed(),
            }),
        }
    }

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
        let place = &self.connections.place;
        let mut held = self.connections.take().await?;
        let work = adopt(&mut held, place, songs);
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }
}

async fn give(
    connection: &mut PgConnection,
    place: &Server,
    arrival: Arrival,
    arrived: &IncomingSong,
    committing: &AtomicBool,
) -> Result<Commit> {
    let failed = |error| place.failed("adding a song", error);
    let (song_new, content) = (arrived.song(), arrival.content);
    let mut transaction = connection.begin().await.map_err(failed)?;
    lock(&mut transaction, &content).await.map_err(failed)?;
    let arrived_still = sqlx::query("DELETE FROM arrivals WHERE id = $1 AND NOT removing")
        .bind(arrival.id.to_vec())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let is_lost = arrived_still.rows_affected() == 0
        || is_removing(&mut transaction, &content)
            .await
            .map_err(failed)?;
    if is_lost {
        transaction.rollback().await.map_err(failed)?;
        return Ok(Commit::LeaseLost);
    }
    let facts = [Facts::of(song_new)];
    // Where another server is adding the same song, this waits for how it ends.
    let new = Facts::insert(&facts, &mut transaction)
        .await
        .map_err(failed)?;
    if new.is_empty() {
        let there = song(&mut transaction, place, &song_new.id()).await?;
        transaction.rollback().await.map_err(failed)?;
        let song = there.ok_or_else(|| {
            Error::storage("adding a song")("a song is there without a recording".into())
        })?;
        return Ok(Commit::Uploaded(Upload {
            song,
            outcome: Outcome::AlreadyThere,
        }));
    }
    let rows = [(song_new.clone(), vec![Chunks::clone(arrived.chunks())])];
    recordings(&mut transaction, place, &rows).await?;
    committing.store(true, Ordering::Relaxed);
    transaction.commit().await.map_err(failed)?;
    Ok(Commit::Uploaded(Upload {
        song: song_new.clone(),
        outcome: Outcome::Added,
    }))
}

/// Whether the transaction of an arrival was committed; it has ended.
async fn is_given(
    connection: &mut PgConnection,
    place: &Server,
    arrival: Arrival,
    arrived: &IncomingSong,
) -> Result<bool> {
    let failed = |error| place.failed("asking what became of an upload", error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    lock(&mut transaction, &arrival.content)
        .await
        .map_err(failed)?;
    let ask = "SELECT EXISTS (SELECT FROM recordings WHERE song = $1 AND content = $2) \
        AND NOT EXISTS (SELECT FROM arrivals WHERE id = $3)";
    let is_given = sqlx::query_scalar(ask)
        .bind(arrived.song().id().as_bytes().to_vec())
        .bind(arrival.content.as_bytes().to_vec())
        .bind(arrival.id.to_vec())
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.rollback().await.map_err(failed)?;
    Ok(is_given)
}

/// Writes audio and recordings of songs whose rows are there.
async fn recordings(
    connection: &mut PgConnection,
    place: &Server,
    songs: &[(Song, Vec<Chunks>)],
) -> Result<()> {
    let failed = |error| place.failed("adding a song", error);
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

async fn adopt(
    connection: &mut PgConnection,
    place: &Server,
    songs: &[(Song, Vec<Chunks>)],
) -> Result<()> {
    let failed = |error| place.failed("adopting songs", error);
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
    let (mut fresh, mut known): (Vec<_>, Vec<_>) = songs
        .iter()
        .cloned()
        .partition(|(song, _)| new.iter().any(|id| id[..] == song.id().as_bytes()[..]));
    // A song that comes twice is merged with itself.
    fresh.sort_by_key(|(song, _)| song.id());
    let twice = fresh
        .chunk_by(|(a, _), (b, _)| a.id() == b.id())
        .flat_map(|same| same.iter().skip(1).cloned());
    known.extend(twice.collect::<Vec<_>>());
    fresh.dedup_by_key(|(song, _)| song.id());
    known.sort_by_key(|(song, _)| song.id());
    if !fresh.is_empty() {
        recordings(&mut transaction, place, &fresh).await?;
    }
    for (other, chunks) in known {
        merge(&mut transaction, place, &other, chunks).await?;
    }
    transaction.commit().await.map_err(failed)
}

/// Takes the recordings of a song in that is there. What does not belong to it any more is left to
/// the next clearing up.
async fn merge(
    connection: &mut PgConnection,
    place: &Server,
    other: &Song,
    chunks: Vec<Chunks>,
) -> Result<()> {
    let failed = |error| place.failed("merging a song", error);
    let id = other.id().as_bytes().to_vec();
    sqlx::query("SELECT FROM songs WHERE id = $1 FOR UPDATE")
        .bind(&id)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let Some(mut merged) = song(connection, place, &other.id()).await? else {
        return Err(Error::storage("merging a song")(
            "a song is there without a recording".into(),
        ));
    };
    let before = merged.clone();
    if !merged.merge(other) {
        return Ok(());
    }
    let facts = Facts::of(&merged);
    facts.update(connection).await.map_err(failed)?;
    recordings(connection, place, &[(merged.clone(), chunks)]).await?;
    let displaced = before.recordings().iter().chain(other.recordings());
    for recording in displaced.filter(|of| merged.recording(&of.content).is_none()) {
        let content = recording.content.as_bytes().to_vec();
        sqlx::query("DELETE FROM recordings WHERE song = $1 AND content = $2")
            .bind(&id)
            .bind(&content)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        sqlx::query("INSERT INTO arrivals (id, content, until) VALUES ($1, $2, now())")
            .bind(super::arrivals::fresh().to_vec())
            .bind(&content)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(())
}
