//! The executor: the tasks of one node from its start to its end.
//!
//! All worlds run on one thread with the paused clock of tokio, which goes on by itself to the next timer when no task
//! can go on. A node's tasks are kept together: they end all at once when the node is killed, wherever they are, and
//! none of them goes on while it is frozen.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use futures_util::future::BoxFuture;
use kadenza_distributed::Env;
use parking_lot::Mutex;
use tokio::{sync::oneshot, task::JoinSet, time::Instant};
use tracing::Span;

use crate::base::dice::Dice;

/// One run of a node.
#[derive(Debug)]
pub(crate) struct Life {
    tasks: Mutex<JoinSet<()>>,
    frozen: Mutex<Frozen>,
    is_over: AtomicBool,
    panicked: AtomicBool,
    span: Span,
}

#[derive(Debug, Default)]
struct Frozen {
    is_frozen: bool,
    waiting: Vec<Waker>,
}

impl Life {
    pub(crate) fn new(machine: usize) -> Arc<Life> {
        Arc::new(Life {
            tasks: Mutex::default(),
            frozen: Mutex::default(),
            is_over: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            span: tracing::info_span!("node", machine),
        })
    }

    /// Begins a task of the node. Of a node that was killed, it never begins.
    pub(crate) fn spawn(self: &Arc<Self>, task: BoxFuture<'static, ()>) {
        if self.is_over.load(Relaxed) {
            return;
        }
        let life = Arc::clone(self);
        let mut tasks = self.tasks.lock();
        self.look_at_ended(&mut tasks);
        tasks.spawn(Living { life, task });
    }

    fn look_at_ended(&self, tasks: &mut JoinSet<()>) {
        while let Some(ended) = tasks.try_join_next() {
            if ended.is_err_and(|error| error.is_panic()) {
                self.panicked.store(true, Relaxed);
            }
        }
    }

    /// Has the node carry something out. None if it comes to no end.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = oneshot::channel();
        self.spawn(Box::pin(async move {
            // Whoever asked may have given it up.
            let _ = tell.send(task.await);
        }));
        told.await.ok()
    }

    /// None of the tasks goes on.
    pub(crate) fn freeze(&self) {
        self.frozen.lock().is_frozen = true;
    }

    /// All tasks go on that could have gone on meanwhile.
    pub(crate) fn thaw(&self) {
        let waiting = {
            let mut frozen = self.frozen.lock();
            frozen.is_frozen = false;
            std::mem::take(&mut frozen.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether the node is frozen.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.lock().is_frozen
    }

    /// All tasks end where they are.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Relaxed);
        self.tasks.lock().abort_all();
        self.thaw();
    }

    /// Whether a task of it panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.look_at_ended(&mut self.tasks.lock());
        self.panicked.load(Relaxed)
    }
}

/// A task of a node.
struct Living {
    life: Arc<Life>,
    task: BoxFuture<'static, ()>,
}

impl Future for Living {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.life.is_over.load(Relaxed) {
            return Poll::Ready(());
        }
        {
            let mut frozen = self.life.frozen.lock();
            if frozen.is_frozen {
                frozen.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
        }
        let life = Arc::clone(&self.life);
        let _entered = life.span.enter();
        self.task.as_mut().poll(context)
    }
}

/// Dice, tasks and the monotonic clock of one run of a node. Clocks of two machines differ, and not all are equally fast.
#[derive(Debug)]
pub(crate) struct SimulatedEnv {
    pub(crate) life: Arc<Life>,
    pub(crate) dice: Dice,
    pub(crate) began: Instant,
    pub(crate) offset_ms: u64,
    /// How many milliseconds pass on it in a thousand.
    pub(crate) speed: u64,
}

impl Env for SimulatedEnv {
    fn now_ms(&self) -> u64 {
        self.offset_ms + self.began.elapsed().as_millis() as u64 * self.speed / 1000
    }

    fn random(&self) -> u64 {
        self.dice.number()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.life.spawn(task);
    }
}
