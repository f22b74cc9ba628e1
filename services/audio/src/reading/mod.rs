//! The reading of files from strangers: who does it, how many at once, and within which bounds.
//!
//! Where the owner of the library names a [`ReaderProgram`](crate::ReaderProgram), files are read by processes
//! that limit their own memory and time and can open nothing. Otherwise they are read here, within the bounds of
//! [`file`](crate::file), by threads that nobody can end.

mod found;
pub mod fuzzing;
mod job;
mod limits;
mod pool;
mod process;
mod wire;
mod worker;

use std::{
    io::{Read, Seek},
    sync::Arc,
    time::{Duration, Instant},
};

use kadenza_contract::{Error, Result};
use tokio::sync::Semaphore;

use self::pool::{End, Pool, QUICK, Turn};
use crate::{config::IntakeConfig, disk::off_thread, tags::Tagged, turns::take_turn};

pub(crate) use job::{Answer, Failure, Job};
pub use worker::read_files;

/// How long a reader may work on one file, in all.
const OWN_TIME: Duration = Duration::from_secs(3);
/// How much of it is left for audio without its tags, where those take too long.
const BARE_TIME: Duration = Duration::from_millis(1250);
/// How many jobs may wait for a turn; a further one is refused.
const QUEUE_MAX: usize = 512;

/// Reads files, a few at a time.
#[derive(Debug)]
pub(crate) struct Readers {
    /// `None` where files are read in this process.
    pool: Option<Arc<Pool>>,
    queue: Semaphore,
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    patience: Duration,
    deadline: Duration,
}

impl Readers {
    /// Two kinds of readers, which share their processes and not their turns: of uploads, and of audio that is
    /// in the library.
    pub(crate) fn two(config: &IntakeConfig) -> [Readers; 2] {
        let pool = config
            .reader
            .clone()
            .map(|program| Arc::new(Pool::of(program)));
        [pool.clone(), pool].map(|pool| Readers {
            pool,
            queue: Semaphore::new(QUEUE_MAX),
            quick: Arc::new(Semaphore::new(config.tag_readers_max)),
            slow: Arc::new(Semaphore::new(config.tag_readers_max.div_ceil(4))),
            patience: config.patience,
            deadline: config.tag_deadline,
        })
    }

    /// What audio says of itself. Tags that are beyond the bounds are left out.
    ///
    /// # Errors
    ///
    /// [`Error::NotAudio`], [`Error::Busy`] and [`Error::Storage`].
    pub(crate) async fn describe<R: Read + Seek + Send + 'static>(
        &self,
        file: R,
    ) -> Result<(Tagged, R)> {
        let own = OWN_TIME - BARE_TIME;
        let (mut answer, mut file) = self.read_within(Job::Describe, file, own).await?;
        if self.pool.is_some() && matches!(answer, Err(Failure::Bounds)) {
            (answer, file) = self.read_within(Job::Bare, file, BARE_TIME).await?;
        }
        match answer {
            Ok(Answer::Tagged(tagged)) => Ok((*tagged, file)),
            Ok(_) => Err(Error::NotAudio {
                what: "its reader answers something else".into(),
            }),
            Err(Failure::Refused(what)) => Err(Error::NotAudio { what }),
            Err(Failure::Bounds) => Err(beyond()),
        }
    }

    /// Does a job with a file, and gives the file back.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] and [`Error::Storage`]. What the file is to blame for is the [`Failure`].
    pub(crate) async fn read<R: Read + Seek + Send + 'static>(
        &self,
        job: Job,
        file: R,
    ) -> Result<(std::result::Result<Answer, Failure>, R)> {
        self.read_within(job, file, OWN_TIME).await
    }

    async fn read_within<R: Read + Seek + Send + 'static>(
        &self,
        job: Job,
        file: R,
        own: Duration,
    ) -> Result<(std::result::Result<Answer, Failure>, R)> {
        let _place = self.queue.try_acquire().map_err(|_| Error::Busy)?;
        let Some(pool) = &self.pool else {
            return self.here(job, file).await;
        };
        let (own, all) = (own.min(self.deadline), self.deadline);
        let quick = Turn {
            permit: take_turn(&self.quick, self.patience).await?,
            slow: Some(Arc::clone(&self.slow)),
        };
        let file = match pool.read(job, file, own, all, quick).await? {
            (End::Done(answer), file) => return Ok((answer, file)),
            (End::NeedsMore, file) => file,
        };
        let slow = Turn {
            permit: take_turn(&self.slow, self.patience).await?,
            slow: None,
        };
        let left = own.saturating_sub(QUICK);
        match pool.read(job, file, left, all, slow).await? {
            (End::Done(answer), file) => Ok((answer, file)),
            (End::NeedsMore, file) => Ok((Err(Failure::Bounds), file)),
        }
    }

    async fn here<R: Read + Seek + Send + 'static>(
        &self,
        job: Job,
        mut file: R,
    ) -> Result<(std::result::Result<Answer, Failure>, R)> {
        let turn = take_turn(&self.quick, self.patience).await?;
        let limit = self.deadline;
        let reading = off_thread("reading a file", move || {
            // A parser that hangs keeps its turn: that bounds how many can hang.
            let _turn = turn;
            let answer = job::done(job, &mut file, Instant::now() + limit);
            Ok((answer, file))
        });
        // The parser notices the deadline when it reads; one that only computes is left behind.
        match tokio::time::timeout(limit * 2, reading).await {
            Ok(read) => read,
            Err(_) => Err(beyond()),
        }
    }
}

fn beyond() -> Error {
    Error::NotAudio {
        what: "it cannot be read within the bounds of memory and time".into(),
    }
}
