//! Audio that is in the store, or about to be, and belongs to no song yet.
//!
//! Several servers share a store, and each may die at any moment. So whoever puts audio there says so
//! before, in the table `arrivals`, with a lease that it renews while it lives; the row goes in the
//! transaction by which the audio gets its song. A row whose lease has ended was left by somebody
//! dead or late: its audio is removed, unless a song has it or another lease holds it.
//!
//! Whether audio may be removed, may be put, or belongs to a song now is decided under a lock for
//! each content, which lasts as long as a transaction. The removal itself takes its time, and the
//! lock would not survive the connection; so it is announced as well, as a row that is `removing`:
//! until it is gone, or its own lease has ended, no server puts that audio or gives it to a song.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::{Inner, chance::fresh};
use kadenza_contract::{ContentHash, Error, Result};

/// How long a removal may be under way before its server counts as dead. Much longer than any request
/// to a store lives, so that none comes late and hits audio that was put anew.
const REMOVAL_LEASE: Duration = Duration::from_secs(300);
/// How long a removal is waited for by an upload of the same audio, and how often it looks.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Audio that this server is about to put into the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) id: [u8; 16],
    pub(super) content: ContentHash,
    /// Whether a song has the audio already, and nobody found it damaged.
    pub(super) is_known: bool,
}

/// Locks everything about a content until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection, content: &ContentHash) -> sqlx::Result<()> {
    let [a, b, c, d, e, f, g, h, ..] = *content.as_bytes();
    let key = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key);
    lock.execute(connection).await.map(|_| ())
}

/// Whether a removal of the content is under way.
pub(super) async fn is_removing(
    connection: &mut PgConnection,
    content: &ContentHash,
) -> sqlx::Result<bool> {
    let ask =
        "SELECT EXISTS (SELECT FROM arrivals WHERE content = $1 AND removing AND until > now())";
    let ask = sqlx::query_scalar(ask).bind(content.as_bytes().to_vec());
    ask.fetch_one(connection).await
}

impl Inner {
    /// Says that audio is about to be put into the store. From now on nobody removes it while the
    /// lease is renewed.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the same audio is just being removed, and takes too long.
    pub(super) async fn announce(&self, content: ContentHash) -> Result<Arrival> {
        let begun = tokio::time::Instant::now();
        loop {
            if let Some(arrival) = self.try_announce(content).await? {
                return Ok(arrival);
            }
            if begun.elapsed() > REMOVAL_PATIENCE {
                return Err(Error::Busy);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn try_announce(&self, content: ContentHash) -> Result<Option<Arrival>> {
        let server = &self.connections.server;
        let lease = self.config.arrival_lease.as_secs_f64();
        let id = fresh();
        let mut held = self.connections.take().await?;
        let connection = &mut *held;
        let work = async move {
            let failed = |error| server.failed("announcing audio", error);
            let mut transaction = connection.begin().await.map_err(failed)?;
            lock(&mut transaction, &content).await.map_err(failed)?;
            if is_removing(&mut transaction, &content)
                .await
                .map_err(failed)?
            {
                transaction.rollback().await.map_err(failed)?;
                return Ok(None);
            }
            let announce = "INSERT INTO arrivals (id, content, until) \
                    VALUES ($1, $2, now() + make_interval(secs => $3)) \
                    RETURNING EXISTS (SELECT FROM audio WHERE content = $2 AND damaged IS NULL)";
            let is_known = sqlx::query_scalar(announce)
                .bind(id.to_vec())
                .bind(content.as_bytes().to_vec())
                .bind(lease)
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            Ok(Some(Arrival {
                id,
                content,
                is_known,
            }))
        };
        let answer = self.connections.answered(work).await?;
        held.give_back();
        Ok(answer)
    }

    /// Renews the lease of an arrival.
    pub(super) async fn renew(&self, arrival: Arrival) -> Result<()> {
        self.set_lease(arrival, self.config.arrival_lease).await
    }

    /// Lets an arrival go that came to nothing: its audio is looked at by the next clearing up.
    pub(super) async fn let_go(&self, arrival: Arrival) -> Result<()> {
        self.set_lease(arrival, Duration::ZERO).await
    }

    async fn set_lease(&self, arrival: Arrival, lease: Duration) -> Result<()> {
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let connection = &mut *held;
        let work = async move {
            let renew = "UPDATE arrivals SET until = now() + make_interval(secs => $2) \
                    WHERE id = $1 AND NOT removing";
            sqlx::query(renew)
                .bind(arrival.id.to_vec())
                .bind(lease.as_secs_f64())
                .execute(connection)
                .await
                .map(|_| ())
                .map_err(|error| server.failed("renewing a lease", error))
        };
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }

    /// Removes audio that arrivals with an ended lease left in the store, unless it belongs to
    /// somebody. Gives how many arrivals were dealt with.
    pub(super) async fn clear_up(&self) -> Result<usize> {
        let mut count = 0;
        let mut removed = self.removed.lock().await;
        // The last removal, which the database could not be told because it was away.
        if let Some(id) = removed.clone() {
            self.forget(id).await?;
            *removed = None;
        }
        while let Some((id, content)) = self.ended().await? {
            count += 1;
            if !self.claim_removal(&id, content).await? {
                continue;
            }
            let removal = self.audio.remove(&content);
            match tokio::time::timeout(REMOVAL_LEASE / 2, removal).await {
                Ok(removed) => removed?,
                Err(_) => {
                    return Err(Error::Timeout {
                        waited: REMOVAL_LEASE / 2,
                    });
                }
            }
            *removed = Some(id.clone());
            self.forget(id).await?;
            *removed = None;
        }
        Ok(count)
    }

    /// The arrival whose lease ended first.
    async fn ended(&self) -> Result<Option<(Vec<u8>, ContentHash)>> {
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let connection = &mut *held;
        let work = async move {
            let ask = "SELECT id, content FROM arrivals WHERE until <= now() \
                    ORDER BY until LIMIT 1";
            let found: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as(ask)
                .fetch_optional(connection)
                .await
                .map_err(|error| server.failed("looking for what was left", error))?;
            let Some((id, content)) = found else {
                return Ok(None);
            };
            let content = content.try_into().map_err(|_| {
                Error::storage("looking for what was left")("a hash has not 32 bytes".into())
            })?;
            Ok(Some((id, ContentHash::from_bytes(content))))
        };
        let answer = self.connections.answered(work).await?;
        held.give_back();
        Ok(answer)
    }

    /// Decides about an arrival whose lease has ended: whether its audio has to be removed, by this
    /// server and no other. Where it has not, the arrival is forgotten.
    async fn claim_removal(&self, id: &[u8], content: ContentHash) -> Result<bool> {
        let server = &self.connections.server;
        let id = id.to_vec();
        let mut held = self.connections.take().await?;
        let connection = &mut *held;
        let work = async move {
            let failed = |error| server.failed("clearing up", error);
            let mut transaction = connection.begin().await.map_err(failed)?;
            lock(&mut transaction, &content).await.map_err(failed)?;
            let content = content.as_bytes().to_vec();
            let needed: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM recordings WHERE content = $1) OR EXISTS \
                        (SELECT FROM arrivals WHERE content = $1 AND id <> $2 AND until > now())",
            )
            .bind(&content)
            .bind(&id)
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
            let done = if needed {
                let forget = "DELETE FROM arrivals WHERE id = $1 AND until <= now()";
                sqlx::query(forget).bind(&id)
            } else {
                let claim = "UPDATE arrivals SET removing = true, \
                        until = now() + make_interval(secs => $2) \
                        WHERE id = $1 AND until <= now()";
                sqlx::query(claim)
                    .bind(&id)
                    .bind(REMOVAL_LEASE.as_secs_f64())
            };
            let done = done.execute(&mut *transaction).await.map_err(failed)?;
            let is_ours = done.rows_affected() == 1;
            if !needed && is_ours {
                // No song has it any more.
                sqlx::query("DELETE FROM audio WHERE content = $1")
                    .bind(&content)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
            }
            transaction.commit().await.map_err(failed)?;
            Ok(!needed && is_ours)
        };
        let answer = self.connections.answered(work).await?;
        held.give_back();
        Ok(answer)
    }

    async fn forget(&self, id: Vec<u8>) -> Result<()> {
        let server = &self.connections.server;
        let mut held = self.connections.take().await?;
        let connection = &mut *held;
        let work = async move {
            sqlx::query("DELETE FROM arrivals WHERE id = $1")
                .bind(id)
                .execute(connection)
                .await
                .map(|_| ())
                .map_err(|error| server.failed("clearing up", error))
        };
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }
}
