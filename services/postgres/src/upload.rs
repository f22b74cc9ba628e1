//! An upload on its way into the library: its audio into the store, then its song into the database.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, MissedTickBehavior};

use super::{
    Inner,
    arrivals::{Arrival, is_removing, lock},
    damage,
    facts::Facts,
    failing::Server,
    forms::remember,
    recordings::{known, merge, recordings},
};
use kadenza_audio::IncomingSong;
use kadenza_contract::{Chunks, Error, Outcome, Result, Song, Upload};

/// How often an upload whose lease was lost puts its audio again.
const ATTEMPTS_MAX: usize = 3;
/// How often a lease is renewed while it lasts.
const RENEWALS: u32 = 4;

/// The outcome of the attempt to give audio to its song.
enum Commit {
    Uploaded(Upload),
    /// Somebody may have removed the audio meanwhile.
    LeaseLost,
}

impl Inner {
    /// Adds a song that came in, or its audio as another recording, unless this audio of it is there. When
    /// this returns it is durable and found.
    pub(super) async fn add(self: &Arc<Inner>, arrived: &IncomingSong) -> Result<Upload> {
        for _ in 0..ATTEMPTS_MAX {
            let song = self.known_as(arrived).await?;
            if let Some(there) = self.already_there(&song).await? {
                return Ok(there);
            }
            let arrival = self.announce(arrived.chunks().content()).await?;
            let given = match self.put(arrival, arrived).await {
                Ok(()) => self.give(arrival, arrived, &song).await,
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

    /// The song as which an upload is added: under the name of its first artist, where it was made so by a
    /// program that read no more.
    pub(super) async fn known_as(&self, arrived: &IncomingSong) -> Result<Song> {
        let song = arrived.song();
        if let Some(earlier) = arrived.earlier()
            && self.song(&song.id()).await?.is_none()
            && let Some(known) = self.song(&earlier.id()).await?
            && known.is_earlier_form_of(song.tags())
        {
            return Ok(earlier.clone());
        }
        Ok(song.clone())
    }

    /// The answer to an upload whose audio its song has already.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRecordings`] too.
    pub(super) async fn already_there(self: &Arc<Self>, uploaded: &Song) -> Result<Option<Upload>> {
        let Some(song) = self.song(&uploaded.id()).await? else {
            return Ok(None);
        };
        let content = uploaded.best().content;
        song.admits(&content)?;
        if song.recording(&content).is_some() && !self.is_whole(&song, &content).await? {
            return Ok(None);
        }
        let outcome = Outcome::AlreadyThere;
        Ok(song
            .recording(&content)
            .is_some()
            .then(|| Upload::new(song, outcome)))
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
        self.look().await?;
        if arrival.is_known && self.has_its_size(&content, size).await? {
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
    async fn give(&self, arrival: Arrival, arrived: &IncomingSong, song: &Song) -> Result<Commit> {
        let server = &self.connections.server;
        let committing = AtomicBool::new(false);
        let answer = async {
            let mut held = self.connections.take().await?;
            let work = give(&mut held, server, arrival, (arrived, song), &committing);
            let given = self.connections.answered(work).await?;
            held.give_back();
            Ok(given)
        };
        match answer.await {
            Err(error) if committing.load(Ordering::Relaxed) => {
                self.find_out(arrival, song, error).await
            }
            answer => answer,
        }
    }

    /// Asks the database whether a commit that was not answered happened.
    async fn find_out(&self, arrival: Arrival, uploaded: &Song, lost: Error) -> Result<Commit> {
        let begun = Instant::now();
        let server = &self.connections.server;
        let answer = async {
            let mut held = self.connections.take().await?;
            // Asked under the lock of the content: a transaction that still goes on has it.
            let work = is_given(&mut held, server, arrival, uploaded);
            let is_given = self.connections.answered(work).await?;
            held.give_back();
            Ok::<bool, Error>(is_given)
        };
        match answer.await {
            Ok(true) => {
                let song = self.song(&uploaded.id()).await?;
                let song = song.unwrap_or_else(|| uploaded.clone());
                let outcome = match song.recordings() {
                    [_first] => Outcome::Added,
                    _ => Outcome::RecordingAdded,
                };
                Ok(Commit::Uploaded(Upload::new(song, outcome)))
            }
            // Nothing happened, so this says the truth.
            Ok(false) => Err(match lost {
                unreachable @ Error::Unreachable { .. } => unreachable,
                other => Error::Unreachable {
                    place: server.name.clone(),
                    cause: other.into(),
                },
            }),
            Err(_) => Err(Error::Timeout {
                waited: begun.elapsed(),
            }),
        }
    }
}

async fn give(
    connection: &mut PgConnection,
    server: &Server,
    arrival: Arrival,
    (arrived, song_new): (&IncomingSong, &Song),
    committing: &AtomicBool,
) -> Result<Commit> {
    let failed = |error| server.failed("adding a song", error);
    let content = arrival.content;
    remember(connection, [song_new]).await.map_err(failed)?;
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
    let chunks = vec![Chunks::clone(arrived.chunks())];
    let (song, outcome) = if new.is_empty() {
        let there = known(&mut transaction, server, &song_new.id()).await?;
        let whole = damage::whole(&mut transaction, server, &there).await?;
        if there.recording(&content).is_some() {
            if whole.contains(&content) {
                transaction.rollback().await.map_err(failed)?;
                let upload = Upload::new(there, Outcome::AlreadyThere);
                return Ok(Commit::Uploaded(upload));
            }
            damage::heal(&mut transaction, server, arrived.chunks()).await?;
        } else {
            there.admits(&content)?;
        }
        let merged = merge(&mut transaction, server, there, song_new, chunks).await?;
        // Of a song none of which could be heard, this is the first recording.
        match whole.is_empty() {
            true => (merged, Outcome::Added),
            false => (merged, Outcome::RecordingAdded),
        }
    } else {
        let rows = [(song_new.clone(), chunks)];
        recordings(&mut transaction, server, &rows).await?;
        (song_new.clone(), Outcome::Added)
    };
    committing.store(true, Ordering::Relaxed);
    transaction.commit().await.map_err(failed)?;
    Ok(Commit::Uploaded(Upload::new(song, outcome)))
}

/// Whether the transaction of an arrival was committed; it has ended.
async fn is_given(
    connection: &mut PgConnection,
    server: &Server,
    arrival: Arrival,
    uploaded: &Song,
) -> Result<bool> {
    let failed = |error| server.failed("asking what became of an upload", error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    lock(&mut transaction, &arrival.content)
        .await
        .map_err(failed)?;
    let ask = "SELECT EXISTS (SELECT FROM recordings WHERE song = $1 AND content = $2) \
        AND NOT EXISTS (SELECT FROM arrivals WHERE id = $3)";
    let is_given = sqlx::query_scalar(ask)
        .bind(uploaded.id().as_bytes().to_vec())
        .bind(arrival.content.as_bytes().to_vec())
        .bind(arrival.id.to_vec())
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.rollback().await.map_err(failed)?;
    Ok(is_given)
}
