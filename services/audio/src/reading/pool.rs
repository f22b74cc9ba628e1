//! Readers as processes that are used again, and how long each may work.
//!
//! A job begins with a quick turn, on which it has little memory. One that is not done soon, or needs more, takes a
//! slow turn, of which there are few: so files made to cost much hold up each other, and nobody else, and together
//! they take little more memory than one of them.

use std::{
    io::{Read, Seek},
    process::Child,
    sync::Arc,
    time::Duration,
};

use kadenza_contract::Result;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    job::{Answer, Failure, Job},
    process::{Clock, Process},
    worker::Order,
};
use crate::{
    disk::{disk, off_thread},
    program::ReaderProgram,
};

/// How long a job may take on a quick turn. Nearly all files take a hundredth of it.
pub(super) const QUICK: Duration = Duration::from_millis(250);
/// How many readers are kept for the next job.
const IDLE_MAX: usize = 4;
/// After so many jobs a reader is replaced, so that nothing adds up in it.
const JOBS_MAX: usize = 1000;

/// The readers.
#[derive(Debug)]
pub(super) struct Pool {
    program: ReaderProgram,
    idle: Mutex<Vec<Process>>,
}

/// How a job ended.
pub(super) enum End {
    /// With an answer, or a failure that another try would not change.
    Done(Result<Answer, Failure>),
    /// It takes more time or memory than a quick turn has.
    NeedsMore,
}

/// The turns of a job.
pub(super) struct Turn {
    pub(super) permit: OwnedSemaphorePermit,
    /// Where the slow turns are, if this is a quick one.
    pub(super) slow: Option<Arc<Semaphore>>,
}

impl Pool {
    pub(super) fn of(program: ReaderProgram) -> Pool {
        Pool {
            program,
            idle: Mutex::default(),
        }
    }

    /// Has a job done by a reader that works no longer than `own`, on a file that takes no longer than `all`.
    pub(super) async fn read<R: Read + Seek + Send + 'static>(
        self: &Arc<Pool>,
        job: Job,
        mut file: R,
        own: Duration,
        all: Duration,
        turn: Turn,
    ) -> kadenza_contract::Result<(End, R)> {
        let pool = Arc::clone(self);
        let is_quick = turn.slow.is_some();
        let runtime = tokio::runtime::Handle::current();
        off_thread("reading a file", move || {
            let mut process = pool.take()?;
            let doing = "reading a file";
            let order = Order {
                job,
                len: file.seek(std::io::SeekFrom::End(0)).map_err(disk(doing))?,
                // It may end by itself before it is ended, and say what it knows.
                own_ms: (own * 3 / 4).as_millis() as u64,
                all_ms: all.as_millis() as u64,
                is_quick,
            };
            let clock = Arc::new(Clock::default());
            clock.go_on();
            let (done, is_done) = oneshot::channel();
            let watch = Watch {
                clock: Arc::clone(&clock),
                child: process.killer(),
                is_done,
            };
            runtime.spawn(watch.until_done(own, turn));
            let answer = process.ask(&order, &mut file, &clock);
            clock.end();
            drop(done);
            let end = match answer {
                Ok(answer) => {
                    // One that took much memory may not have given it back.
                    if is_quick {
                        pool.put_back(process);
                    }
                    End::Done(answer)
                }
                Err(error) => {
                    tracing::debug!(?job, is_quick, %error, "a reader of files ended over a file");
                    match is_quick {
                        true => End::NeedsMore,
                        false => End::Done(Err(Failure::Bounds)),
                    }
                }
            };
            Ok((end, file))
        })
        .await
    }

    /// A reader that runs. Waits for the start of a process.
    fn take(&self) -> kadenza_contract::Result<Process> {
        while let Some(process) = self.pop() {
            if process.is_up() {
                return Ok(process);
            }
        }
        Process::start(&self.program).map_err(disk("starting a reader of files"))
    }

    fn pop(&self) -> Option<Process> {
        self.idle.lock().pop()
    }

    fn put_back(&self, process: Process) {
        let mut idle = self.idle.lock();
        if process.jobs < JOBS_MAX && idle.len() < IDLE_MAX {
            idle.push(process);
        }
    }
}

/// Ends a reader that takes too long.
struct Watch {
    clock: Arc<Clock>,
    child: Arc<Mutex<Child>>,
    is_done: oneshot::Receiver<()>,
}

impl Watch {
    /// Holds the turn until the job is done.
    async fn until_done(mut self, own: Duration, mut turn: Turn) {
        if let Some(slow) = turn.slow.take() {
            if self.is_done_within(QUICK.min(own)).await {
                return;
            }
            match slow.try_acquire_owned() {
                Ok(permit) => turn.permit = permit,
                Err(_) => return self.end().await,
            }
        }
        if !self.is_done_within(own).await {
            self.end().await;
        }
    }

    async fn is_done_within(&mut self, limit: Duration) -> bool {
        loop {
            let left = limit.saturating_sub(self.clock.spent());
            if left.is_zero() {
                return false;
            }
            // Time passes without being spent while the reader waits for its file.
            if tokio::time::timeout(left, &mut self.is_done).await.is_ok() {
                return true;
            }
        }
    }

    async fn end(self) {
        self.clock.kill(&self.child);
        let _ = self.is_done.await;
    }
}
