//! The clock, the dice and the tasks of a node.

use std::{fmt, sync::Arc};

use futures_util::{
    FutureExt as _,
    future::{AbortHandle, BoxFuture, abortable},
};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;

/// Also counts while the machine is suspended: a lease is over when it wakes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// What a node has of its machine beside disk and network.
pub trait Env: fmt::Debug + Send + Sync + 'static {
    /// Milliseconds on a clock that nobody can set, and that goes on while the machine is suspended.
    fn now_ms(&self) -> u64;

    /// A random number.
    fn random(&self) -> u64;

    /// Begins a task of the node.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// The machine that the program runs on.
#[derive(Debug)]
pub(crate) struct Machine;

impl Env for Machine {
    fn now_ms(&self) -> u64 {
        let now = clock_gettime(CLOCK);
        now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
    }

    fn random(&self) -> u64 {
        rand::random()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(tokio::spawn(task));
    }
}

/// A task under way. It goes on when this is dropped.
#[derive(Debug)]
pub(crate) struct Task<T> {
    ended: oneshot::Receiver<T>,
    abort: AbortHandle,
}

/// A task came to no end: it panicked, or its node was stopped.
#[derive(Debug, thiserror::Error)]
#[error("the task came to no end")]
pub(crate) struct NoEnd;

impl<T> Task<T> {
    /// Has the task stop where it is.
    pub(crate) fn abort(&self) {
        self.abort.abort();
    }

    /// Waits for the end.
    pub(crate) async fn end(self) -> Result<T, NoEnd> {
        self.ended.await.map_err(|_| NoEnd)
    }
}

/// Begins a task of a node.
pub(crate) fn begin<T: Send + 'static>(
    env: &Arc<dyn Env>,
    task: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    let (tell, ended) = oneshot::channel();
    let (task, abort) = abortable(task);
    let told = async move {
        if let Ok(outcome) = task.await {
            // Whoever began it need not wait for it.
            let _ = tell.send(outcome);
        }
    };
    env.spawn(told.boxed());
    Task { ended, abort }
}
