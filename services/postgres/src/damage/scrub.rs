//! The scrub: all audio is read now and then, slowly, so that damage is found before somebody listens.
//!
//! Of the servers that share a library one does it: the one with the lease in the table `scrub`, which it
//! renews while it lives. A faster server takes the lease from a slower one, so that a server which only
//! examines again what is damaged keeps no other from the rest. A pass goes through audio in the order of its
//! content, and the table has the place, so that another server, or this one after a restart, goes on there.
//! Two servers that scrub for a moment, since one has not noticed that its lease is lost, do the same twice.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use kadenza_audio::{Pace, examine};
use kadenza_contract::{ContentHash, Error, Result, ScrubStatus};
use parking_lot::Mutex;
use sqlx::PgConnection;
use tokio::time::sleep;

use crate::{Inner, failing::Server};

/// How often a lease is renewed while it lasts.
const RENEWALS: u32 = 6;
/// How many contents are looked up at a time.
const AT_ONCE: i64 = 64;

/// How far a pass has come.
#[derive(Debug, Clone, Default)]
struct Place {
    /// The content that was examined last; empty where the pass has only begun.
    content: Vec<u8>,
    /// Bytes of this pass.
    examined: u64,
}

impl Place {
    /// Audio of so many bytes was examined.
    fn go_on(&mut self, content: ContentHash, size: u64) {
        let before = match self.content.is_empty() {
            true => 0,
            false => self.examined,
        };
        self.content = content.as_bytes().to_vec();
        self.examined = before + size;
    }

    /// The pass has ended. Its bytes are told until the next one begins.
    fn end(&mut self) -> Place {
        if self.content.is_empty() {
            self.examined = 0;
        }
        self.content.clear();
        self.clone()
    }
}

/// A server that takes part.
#[derive(Debug)]
struct Scrub {
    library: Weak<Inner>,
    place: Mutex<Place>,
}

/// The state for people, as the database has it. `rate` is that of this server.
pub(crate) async fn scrubbed(
    connection: &mut PgConnection,
    server: &Server,
    rate: u64,
) -> Result<ScrubStatus> {
    let ask = "SELECT CASE WHEN until > now() THEN rate ELSE 0 END, examined, passes, \
        (extract(epoch FROM ended_at) * 1000)::bigint FROM scrub";
    let (others, examined, passes, ended): (i64, i64, i64, Option<i64>) = sqlx::query_as(ask)
        .fetch_one(connection)
        .await
        .map_err(|error| server.failed("asking for the scrub", error))?;
    Ok(ScrubStatus {
        bytes_per_second: rate.max(others.unsigned_abs()),
        examined: examined.unsigned_abs(),
        passes: passes.unsigned_abs(),
        ended_at: ended.and_then(|ended| jiff::Timestamp::from_millisecond(ended).ok()),
    })
}

impl Scrub {
    async fn run(&self) {
        while let Some(library) = self.library.upgrade() {
            let every = library.config.scrub_lease / RENEWALS;
            let pace = Pace {
                bytes_per_second: library.config.scrub_bytes_per_second,
            };
            let taken = library.take_scrub().await;
            drop(library);
            match taken {
                Ok(Some(place)) => {
                    *self.place.lock() = place;
                    let working = async { tokio::join!(self.again(pace), self.pass_by_pass(pace)) };
                    tokio::select! {
                        _ = self.holding(every) => {}
                        _ = working => {}
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(error = %error.chain(), "no scrub for now"),
            }
            sleep(every).await;
        }
    }

    /// Renews the lease and tells how far the pass has come, until one of them fails.
    async fn holding(&self, every: Duration) {
        loop {
            sleep(every).await;
            let Some(library) = self.library.upgrade() else {
                return;
            };
            let place = self.place.lock().clone();
            match library.renew_scrub(&place).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    return tracing::debug!(error = %error.chain(), "the scrub is given up");
                }
            }
        }
    }

    /// Examines again what is damaged.
    async fn again(&self, pace: Pace) {
        let pace = Pace {
            bytes_per_second: pace.bytes_per_second.max(Pace::AGAIN.bytes_per_second),
        };
        let mut after = Vec::new();
        while let Some(library) = self.library.upgrade() {
            let damaged = library.damaged(&after).await;
            drop(library);
            let damaged = damaged.unwrap_or_default();
            after = match damaged.last() {
                Some(last) if damaged.len() == Pace::AGAIN_MAX => last.as_bytes().to_vec(),
                _ => Vec::new(),
            };
            for content in damaged {
                self.examine(content, pace).await;
            }
            sleep(Pace::AGAIN_EVERY).await;
        }
    }

    async fn pass_by_pass(&self, pace: Pace) {
        if pace.bytes_per_second == 0 {
            return std::future::pending().await;
        }
        while let Some(library) = self.library.upgrade() {
            match self.page(&library).await {
                Ok(page) if !page.is_empty() => {
                    drop(library);
                    for (content, size) in page {
                        self.glance(content, size, pace).await;
                        self.place.lock().go_on(content, size);
                    }
                }
                Ok(_) => {
                    let place = self.place.lock().end();
                    if let Err(error) = library.end_pass(place.examined).await {
                        tracing::debug!(error = %error.chain(), "the end of a pass was not noted");
                    }
                    drop(library);
                    sleep(Pace::BETWEEN_PASSES).await;
                }
                Err(error) => {
                    drop(library);
                    tracing::debug!(error = %error.chain(), "nothing is examined for now");
                    sleep(Pace::BETWEEN_PASSES).await;
                }
            }
        }
    }

    /// What is examined next; nothing at the end of a pass.
    async fn page(&self, library: &Inner) -> Result<Vec<(ContentHash, u64)>> {
        library.look().await?;
        let place = self.place.lock().clone();
        library.audio_behind(&place.content).await
    }

    /// Examines audio whose turn it is. Of an object in a bucket only whether it is there with its size.
    async fn glance(&self, content: ContentHash, size: u64, pace: Pace) {
        let Some(library) = self.library.upgrade() else {
            return;
        };
        if library.audio.is_examined_elsewhere() {
            match library.has_its_size(&content, size).await {
                Ok(true) => return sleep(Pace::AFTER_A_GLANCE).await,
                Ok(false) => {}
                Err(error) => {
                    drop(library);
                    return not_examined(content, &error).await;
                }
            }
        }
        drop(library);
        self.examine(content, pace).await;
    }

    async fn examine(&self, content: ContentHash, pace: Pace) {
        if let Err(error) = self.try_to_examine(content, pace).await {
            not_examined(content, &error).await;
        }
    }

    async fn try_to_examine(&self, content: ContentHash, pace: Pace) -> Result<()> {
        let Some(library) = self.library.upgrade() else {
            return Ok(());
        };
        library.look().await?;
        let store = Arc::clone(&library.audio);
        // What takes long does not keep the library open.
        drop(library);
        let first = examine(&*store, &content, pace).await;
        let Some(library) = self.library.upgrade() else {
            return Ok(());
        };
        let found = match first {
            Err(Error::Damaged { .. }) => {
                let again = examine(&*store, &content, pace);
                library.noting(&content, again).await
            }
            first => first,
        };
        match found {
            Ok(chunks) => library.note_whole(&chunks).await,
            Err(Error::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    /// Begins to scrub, when it is this server's turn. That ends when the library is closed.
    pub(crate) fn begin_to_scrub(self: &Arc<Inner>) {
        let scrub = Scrub {
            library: Arc::downgrade(self),
            place: Mutex::default(),
        };
        tokio::spawn(async move { scrub.run().await });
    }

    /// Takes the lease, or keeps it. Gives how far the pass has come; none while another server has it that
    /// is as fast.
    async fn take_scrub(&self) -> Result<Option<Place>> {
        let take = "UPDATE scrub SET server = $1, rate = $2, \
                until = now() + make_interval(secs => $3) \
            WHERE server = $1 OR until <= now() OR rate < $2 RETURNING place, examined";
        let rate = i64::try_from(self.config.scrub_bytes_per_second).unwrap_or(i64::MAX);
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query_as(take)
                .bind(self.name.to_vec())
                .bind(rate)
                .bind(self.config.scrub_lease.as_secs_f64())
                .fetch_optional(&mut *held)
                .await
                .map_err(|error| self.scrub_failed(error))
        };
        let taken: Option<(Vec<u8>, i64)> = self.connections.answered(work).await?;
        held.give_back();
        Ok(taken.map(|(content, examined)| Place {
            content,
            examined: examined.unsigned_abs(),
        }))
    }

    /// Says whether the lease was this server's.
    async fn renew_scrub(&self, place: &Place) -> Result<bool> {
        let renew = "UPDATE scrub SET place = $2, examined = $3, \
            until = now() + make_interval(secs => $4) WHERE server = $1";
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query(renew)
                .bind(self.name.to_vec())
                .bind(&place.content)
                .bind(place.examined.cast_signed())
                .bind(self.config.scrub_lease.as_secs_f64())
                .execute(&mut *held)
                .await
                .map_err(|error| self.scrub_failed(error))
        };
        let renewed = self.connections.answered(work).await?;
        held.give_back();
        Ok(renewed.rows_affected() > 0)
    }

    async fn end_pass(&self, examined: u64) -> Result<()> {
        let end = "UPDATE scrub SET place = '', examined = $2, passes = passes + 1, \
            ended_at = now() WHERE server = $1";
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query(end)
                .bind(self.name.to_vec())
                .bind(examined.cast_signed())
                .execute(&mut *held)
                .await
                .map_err(|error| self.scrub_failed(error))
        };
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }

    /// Leaves the lease to others at once.
    pub(crate) async fn leave_scrub(&self) -> Result<()> {
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query("UPDATE scrub SET until = now() WHERE server = $1")
                .bind(self.name.to_vec())
                .execute(&mut *held)
                .await
                .map_err(|error| self.scrub_failed(error))
        };
        self.connections.answered(work).await?;
        held.give_back();
        Ok(())
    }

    /// Audio behind a content that nobody found damaged, with its size.
    async fn audio_behind(&self, content: &[u8]) -> Result<Vec<(ContentHash, u64)>> {
        let page = "SELECT content, size FROM audio \
            WHERE content > $1 AND damaged IS NULL ORDER BY content LIMIT $2";
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query_as(page)
                .bind(content)
                .bind(AT_ONCE)
                .fetch_all(&mut *held)
                .await
                .map_err(|error| self.scrub_failed(error))
        };
        let page: Vec<(Vec<u8>, i64)> = self.connections.answered(work).await?;
        held.give_back();
        let known = page.into_iter().filter_map(|(content, size)| {
            let content = ContentHash::from_bytes(content.try_into().ok()?);
            Some((content, size.unsigned_abs()))
        });
        Ok(known.collect())
    }

    /// Damaged audio behind a content.
    async fn damaged(&self, content: &[u8]) -> Result<Vec<ContentHash>> {
        let page = "SELECT content FROM audio \
            WHERE content > $1 AND damaged IS NOT NULL ORDER BY content LIMIT $2";
        let mut held = self.connections.take().await?;
        let work = async {
            sqlx::query_scalar(page)
                .bind(content)
                .bind(Pace::AGAIN_MAX as i64)
                .fetch_all(&mut *held)
                .await
                .map_err(|error| self.scrub_failed(error))
        };
        let page: Vec<Vec<u8>> = self.connections.answered(work).await?;
        held.give_back();
        let known = page.into_iter().filter_map(|raw| raw.try_into().ok());
        Ok(known.map(ContentHash::from_bytes).collect())
    }

    fn scrub_failed(&self, error: sqlx::Error) -> Error {
        self.connections.server.failed("scrubbing", error)
    }
}

async fn not_examined(content: ContentHash, error: &Error) {
    let error = error.chain();
    tracing::debug!(error, %content, "audio was not examined");
    sleep(Pace::AFTER_A_GLANCE).await;
}
