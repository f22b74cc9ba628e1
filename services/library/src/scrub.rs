//! The scrub: all audio is read now and then, slowly, so that damage is found before somebody listens,
//! while other machines still have good copies (Schwarz et al., "Disk scrubbing in large archival
//! storage systems", 2004).
//!
//! A pass goes through the songs in the order of their ids, from a place that is drawn at each start: a
//! machine that is never on for a whole pass still comes everywhere. Audio that was found damaged is
//! examined again and again, since a disk or a person may bring it back.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kadenza_audio::Pace;
use kadenza_contract::{ContentHash, Error, Result, ScrubStatus, SongId};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{audio::AudioHome, records::Database, watch::Watch};

/// How often the directory of the audio is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many songs are looked up at a time.
const SONGS_AT_ONCE: usize = 64;

/// How far the scrub has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Bytes of this pass.
    examined: AtomicU64,
    /// Passes since the start.
    passes: AtomicU64,
    /// When the last pass ended, in milliseconds since 1970; 0 if none did.
    ended: AtomicU64,
}

/// Examines what is stored, for as long as the library is open.
#[derive(Debug)]
pub(crate) struct Scrub {
    /// Bytes in a second; 0 if only what is known to be damaged is examined.
    pub(crate) bytes_per_second: u64,
    pub(crate) watch: Weak<Watch>,
    pub(crate) database: Arc<Database>,
    pub(crate) progress: Arc<Progress>,
}

impl Scrub {
    /// Runs until the writer has ended. `ended` is dropped last.
    pub(crate) fn start(self, mut writer: watch::Receiver<()>, ended: watch::Sender<()>) {
        tokio::spawn(async move {
            let working = async { tokio::join!(self.look(), self.again(), self.pass_by_pass()) };
            tokio::select! {
                _ = writer.changed() => {}
                _ = working => {
                    // Nothing is ever sent: the error says that the writer is gone.
                    let _ = writer.changed().await;
                }
            }
            drop(self);
            drop(ended);
        });
    }

    /// The state for people.
    pub(crate) fn status(progress: &Progress, bytes_per_second: u64) -> ScrubStatus {
        let ended = progress.ended.load(Ordering::Relaxed).cast_signed();
        ScrubStatus {
            bytes_per_second,
            examined: progress.examined.load(Ordering::Relaxed),
            passes: progress.passes.load(Ordering::Relaxed),
            ended_at: (ended > 0)
                .then(|| jiff::Timestamp::from_millisecond(ended).ok())
                .flatten(),
        }
    }

    /// Notices that the directory of the audio goes away, and that it comes back.
    async fn look(&self) {
        while let Some(watch) = self.watch.upgrade() {
            // Logged there, and what it means is noted.
            let _ = watch.look().await;
            drop(watch);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Examines again what is damaged.
    async fn again(&self) {
        let pace = Pace {
            bytes_per_second: self.bytes_per_second.max(Pace::AGAIN.bytes_per_second),
        };
        let mut waiting = VecDeque::new();
        loop {
            let Some(watch) = self.watch.upgrade() else {
                return;
            };
            if waiting.is_empty() {
                waiting = watch.catalogue.damaged().into();
            }
            let noted = Arc::clone(&watch.noted);
            drop(watch);
            for _ in 0..Pace::AGAIN_MAX {
                let Some(content) = waiting.pop_front() else {
                    break;
                };
                self.examine(content, pace).await;
            }
            // What has just failed is examined at once: perhaps only a disk was busy.
            let _ = timeout(Pace::AGAIN_EVERY, noted.notified()).await;
        }
    }

    async fn pass_by_pass(&self) {
        if self.bytes_per_second == 0 {
            return;
        }
        let now = jiff::Timestamp::now().as_nanosecond().to_be_bytes();
        let first = SongId::from_bytes(*blake3::hash(&now).as_bytes());
        loop {
            self.progress.examined.store(0, Ordering::Relaxed);
            let is_open = self.part(Some(first), None).await && self.part(None, Some(first)).await;
            if !is_open {
                return;
            }
            let now = jiff::Timestamp::now().as_millisecond();
            self.progress
                .ended
                .store(now.cast_unsigned(), Ordering::Relaxed);
            self.progress.passes.fetch_add(1, Ordering::Relaxed);
            sleep(Pace::BETWEEN_PASSES).await;
        }
    }

    /// The songs behind an id, up to another one. Says whether the library is still open.
    async fn part(&self, mut after: Option<SongId>, until: Option<SongId>) -> bool {
        let pace = Pace {
            bytes_per_second: self.bytes_per_second,
        };
        loop {
            let Some(watch) = self.watch.upgrade() else {
                return false;
            };
            let cards = watch.catalogue.index().after(after, SONGS_AT_ONCE);
            drop(watch);
            if cards.is_empty() {
                return true;
            }
            for card in cards {
                let id = card.song.id();
                if until.is_some_and(|until| id > until) {
                    return true;
                }
                after = Some(id);
                for content in &card.held {
                    self.glance(*content, pace).await;
                    let size = card.song.recording(content).map_or(0, |of| of.size);
                    self.progress.examined.fetch_add(size, Ordering::Relaxed);
                }
            }
        }
    }

    /// Examines audio whose turn it is. Of an object only whether it is there, and whole in size: those
    /// who keep objects examine them, and charge for reading.
    async fn glance(&self, content: ContentHash, pace: Pace) {
        let Some(watch) = self.watch.upgrade() else {
            return;
        };
        if watch.catalogue.is_damaged(&content) {
            return;
        }
        if !matches!(&watch.home, AudioHome::Store(store) if store.is_examined_elsewhere()) {
            drop(watch);
            return self.examine(content, pace).await;
        }
        let Ok(Some(chunks)) = self.database.chunks(&content).await else {
            return self.examine(content, pace).await;
        };
        match watch.home.is_in_place(&content, chunks.size()).await {
            Ok(true) => sleep(Pace::AFTER_A_GLANCE).await,
            Ok(false) => self.examine(content, pace).await,
            Err(error) => not_examined(content, &error),
        }
    }

    async fn examine(&self, content: ContentHash, pace: Pace) {
        if let Err(error) = self.try_to_examine(content, pace).await {
            not_examined(content, &error);
        }
    }

    async fn try_to_examine(&self, content: ContentHash, pace: Pace) -> Result<()> {
        let Some(watch) = self.watch.upgrade() else {
            return Ok(());
        };
        watch.look().await?;
        let known = self.database.chunks(&content).await;
        watch.examine(content, known, pace).await
    }
}

fn not_examined(content: ContentHash, error: &Error) {
    let error = error.chain();
    tracing::debug!(error, %content, "audio was not examined");
}
