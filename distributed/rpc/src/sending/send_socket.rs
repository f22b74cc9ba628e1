//! The one connection on which this node speaks to a destination. It is only ever written to.
//!
//! Every frame goes through the outbox. One task at a time writes, until the outbox is empty or the
//! socket takes no more; other tasks only add to the outbox meanwhile. A lone call writes its frame
//! itself, which saves a change of task. Among many calls the socket's own task writes a moment
//! later, and the frames of all of them at once. That task also dials, and notices when the peer is
//! gone.

use std::{
    cell::RefCell,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

use super::{
    link::Link,
    outbox::{Batch, Bulk, Full, Outbox},
};
use crate::{
    destination::Destination,
    message::Request,
    security::tls::Tls,
    wire::{
        envelope::{Prefix, Say, TooLarge},
        frame::SMALL_FRAME_BYTES_MAX,
    },
};

/// How many batches one task writes for others before it leaves the rest to the socket's own task.
const BATCHES_IN_PASSING: usize = 2;

/// A connection that lived for so long was of use even if nobody answered.
const GOOD_AFTER: Duration = Duration::from_secs(1);

thread_local! {
    /// Frames are put together here before they are queued, so that no lock is held meanwhile.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The connection to one destination.
#[derive(Debug)]
pub(crate) struct SendSocket {
    pub(crate) to: Destination,
    state: Mutex<State>,
    /// There is something to write, or the connection is gone.
    wake: Notify,
    /// Room in the bulk lane, in bytes.
    room: Arc<Semaphore>,
    /// Calls that wait for an answer from there.
    calls: AtomicUsize,
    /// Which use of any socket was the last of this one.
    last_use: AtomicU64,
    /// Whether an answer came since it was dialled.
    answered: AtomicBool,
    /// Whether a call timed out since the last answer: the connection may be dead without notice.
    doubted: AtomicBool,
}

#[derive(Debug)]
struct State {
    outbox: Outbox,
    batch: Batch,
    link: Option<Arc<Link>>,
    /// Since when it is connected.
    since: Option<Instant>,
    writing: bool,
    closed: bool,
}

impl State {
    fn writes_to(&self, link: &Arc<Link>) -> bool {
        self.link
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, link))
    }

    fn has_unwritten(&self) -> bool {
        self.writing
            || !self.batch.is_done()
            || !self.outbox.is_empty()
            || self.link.as_ref().is_some_and(|link| link.has_unsent())
    }

    /// Has the connection send what it took, when nothing else is to be written.
    fn flush(&mut self, link: &Arc<Link>) -> Wrote {
        match link.flush() {
            Ok(()) => Wrote::All,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Wrote::Some,
            Err(_gone) => {
                self.link = None;
                Wrote::Lost
            }
        }
    }
}

/// Why a frame was not queued.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The socket is closed: ask for another one.
    Closed,
    /// The lane of small frames is full.
    Full,
    /// The frame breaks a bound.
    TooLarge(TooLarge),
    /// The bulk lane is full at the moment.
    NoRoom(Bulk),
}

/// How writing ended.
#[derive(Debug, PartialEq, Eq)]
enum Wrote {
    /// All that there was; or another task writes, or there is no connection yet.
    All,
    /// The socket takes no more at the moment, or others should write a while.
    Some,
    /// The connection is gone.
    Lost,
}

/// How the service of a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The socket was closed from this side.
    Closed,
    /// The peer or the network ended it.
    Lost(io::Error),
    /// The peer reads nothing.
    Stalled,
}

impl SendSocket {
    pub(crate) fn new(to: Destination, small_bytes_max: usize, bulk_bytes_max: usize) -> Self {
        SendSocket {
            to,
            state: Mutex::new(State {
                outbox: Outbox::new(small_bytes_max),
                batch: Batch::default(),
                link: None,
                since: None,
                writing: false,
                closed: false,
            }),
            wake: Notify::new(),
            room: Arc::new(Semaphore::new(bulk_bytes_max)),
            calls: AtomicUsize::new(0),
            last_use: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
        }
    }

    /// Queues a frame, if there is room at once. It is written by [`SendSocket::write_now`] or
    /// [`SendSocket::write_soon`].
    pub(crate) fn offer<Q: Request>(
        &self,
        prefix: &Prefix,
        id: u64,
        say: Say<'_, Q>,
        attachment: &Bytes,
    ) -> Result<(), Refused> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let header = prefix
                .write(scratch, id, say, attachment.len())
                .map_err(Refused::TooLarge)?;
            if header.frame_bytes() <= SMALL_FRAME_BYTES_MAX {
                return self.offer_small(scratch, attachment);
            }
            let bulk = Bulk {
                head: scratch.to_vec(),
                attachment: attachment.clone(),
                room: None,
            };
            scratch.shrink_to(SMALL_FRAME_BYTES_MAX);
            self.offer_bulk(bulk)
        })
    }

    fn offer_small(&self, head: &[u8], attachment: &[u8]) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        state
            .outbox
            .push_small(head, attachment)
            .map_err(|Full| Refused::Full)
    }

    fn offer_bulk(&self, mut bulk: Bulk) -> Result<(), Refused> {
        match self.room.clone().try_acquire_many_owned(bulk.bytes()) {
            Ok(room) => bulk.room = Some(room),
            Err(_) if self.is_closed() => return Err(Refused::Closed),
            Err(_) => return Err(Refused::NoRoom(bulk)),
        }
        self.push_bulk(bulk)
    }

    /// Queues a bulk frame as soon as there is room.
    pub(crate) async fn wait_for_room(&self, mut bulk: Bulk) -> Result<(), Refused> {
        match self.room.clone().acquire_many_owned(bulk.bytes()).await {
            Ok(room) => bulk.room = Some(room),
            Err(_closed) => return Err(Refused::Closed),
        }
        self.push_bulk(bulk)
    }

    fn push_bulk(&self, bulk: Bulk) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        state.outbox.push_bulk(bulk);
        Ok(())
    }

    /// Writes what waits, as far as that goes without waiting.
    pub(crate) fn write_now(&self) {
        if self.write(BATCHES_IN_PASSING) != Wrote::All {
            self.wake.notify_one();
        }
    }

    /// Has what waits written in a moment, together with what comes until then.
    pub(crate) fn write_soon(&self) {
        self.wake.notify_one();
    }

    fn write(&self, batches: usize) -> Wrote {
        let mut state = self.state.lock();
        let State {
            outbox,
            batch,
            link,
            writing,
            ..
        } = &mut *state;
        let Some(link) = link.as_ref().filter(|_| !*writing) else {
            return Wrote::All;
        };
        if batch.is_done() && !outbox.fill(batch) {
            let link = link.clone();
            return state.flush(&link);
        }
        // From here on this task is the one that writes.
        *writing = true;
        let link = link.clone();
        let mut batch = std::mem::take(batch);
        drop(state);

        let mut written = 0;
        let (mut state, wrote) = loop {
            match link.write(&batch.slices()) {
                Ok(bytes) => batch.advance(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    break (self.state.lock(), Wrote::Some);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_gone) => {
                    let mut state = self.state.lock();
                    if state.writes_to(&link) {
                        state.link = None;
                    }
                    break (state, Wrote::Lost);
                }
            }
            if batch.is_done() {
                written += 1;
                let mut state = self.state.lock();
                if !state.writes_to(&link) {
                    break (state, Wrote::Lost);
                }
                if !state.outbox.fill(&mut batch) {
                    let wrote = state.flush(&link);
                    break (state, wrote);
                }
                if written == batches {
                    break (state, Wrote::Some);
                }
            }
        };
        // Meanwhile the connection may have been lost, and a new one dialled: there, a frame begins
        // with its beginning.
        let wrote = if state.writes_to(&link) {
            wrote
        } else {
            batch.rewind();
            Wrote::Lost
        };
        state.writing = false;
        state.batch = batch;
        wrote
    }

    /// Dials, and speaks on the new connection from now on.
    pub(crate) async fn connect(
        &self,
        tls: Option<&Tls>,
        patience: Duration,
    ) -> io::Result<Arc<Link>> {
        let link = Arc::new(Link::to(&self.to, tls, patience).await?);
        self.answered.store(false, Relaxed);
        self.doubted.store(false, Relaxed);
        let mut state = self.state.lock();
        if state.closed {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        state.batch.rewind();
        state.link = Some(link.clone());
        state.since = Some(Instant::now());
        Ok(link)
    }

    /// Writes what others leave to it, until the connection is gone.
    pub(crate) async fn serve(&self, link: &Link, stall: Duration) -> End {
        let end = loop {
            let blocked = match self.write(usize::MAX) {
                Wrote::All => false,
                Wrote::Some => true,
                Wrote::Lost => break End::Lost(io::ErrorKind::BrokenPipe.into()),
            };
            tokio::select! {
                () = self.wake.notified() => {
                    if let Some(end) = self.gone() {
                        break end;
                    }
                    // Tasks that are about to queue a frame do so first: then one write serves all.
                    tokio::task::yield_now().await;
                }
                readable = link.readable() => {
                    if let Err(error) = readable.and_then(|()| link.check()) {
                        break End::Lost(error);
                    }
                }
                writable = timeout(stall, link.writable()), if blocked => match writable {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break End::Lost(error),
                    Err(_late) => break End::Stalled,
                },
            }
        };
        self.state.lock().link = None;
        end
    }

    fn gone(&self) -> Option<End> {
        let state = self.state.lock();
        match (state.closed, &state.link) {
            (true, _) => Some(End::Closed),
            (false, None) => Some(End::Lost(io::ErrorKind::ConnectionReset.into())),
            (false, Some(_)) => None,
        }
    }

    /// Whether a connection that lived for so long was of use.
    pub(crate) fn was_useful(&self, lived: Duration) -> bool {
        self.answered.load(Relaxed) || lived >= GOOD_AFTER
    }

    /// Whether something waits to be written or answered.
    pub(crate) fn is_needed(&self) -> bool {
        self.calls.load(Relaxed) > 0 || self.has_unwritten()
    }

    /// Whether something waits to be written.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.state.lock().has_unwritten()
    }

    /// How many bytes wait to be written.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        let state = self.state.lock();
        state.batch.bytes() + state.outbox.bytes()
    }

    /// A call begins that is answered from there. Says whether it is the only one.
    pub(crate) fn begin_call(&self) -> bool {
        self.calls.fetch_add(1, Relaxed) == 0
    }

    /// A call ended.
    pub(crate) fn end_call(&self) {
        self.calls.fetch_sub(1, Relaxed);
    }

    /// How many calls wait for an answer from there.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// An answer came from there. Says whether it is the first since it was dialled.
    pub(crate) fn answered(&self) -> bool {
        self.doubted.store(false, Relaxed);
        !self.answered.swap(true, Relaxed)
    }

    /// Whether an answer came since it was dialled.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Relaxed)
    }

    /// A call timed out. If the connection is older than that, the next call begins on a new one,
    /// unless an answer comes before: it may lead to a machine that is no longer there, and nobody
    /// would tell.
    pub(crate) fn doubt(&self, trusted: Duration) {
        let since = self.state.lock().since;
        if since.is_some_and(|since| since.elapsed() >= trusted) {
            self.doubted.store(true, Relaxed);
        }
    }

    /// Whether it can be used: it is not closed, and not doubted either.
    pub(crate) fn is_usable(&self) -> bool {
        let given_up = self.doubted.load(Relaxed) && self.close_if_idle();
        !given_up && !self.is_closed()
    }

    /// It is used now; uses of all sockets are numbered in their order.
    pub(crate) fn used(&self, number: u64) {
        self.last_use.store(number, Relaxed);
    }

    /// The number of its last use.
    pub(crate) fn last_use(&self) -> u64 {
        self.last_use.load(Relaxed)
    }

    fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Closes it for good. What waits to be written is dropped.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut state = self.state.lock();
            state.closed = true;
            state.link = None;
            std::mem::replace(&mut state.outbox, Outbox::new(0))
        };
        drop(dropped);
        self.room.close();
        self.wake.notify_one();
    }

    /// Closes it for good unless something waits to be written. Says whether it is closed.
    pub(crate) fn close_if_idle(&self) -> bool {
        {
            let mut state = self.state.lock();
            if state.has_unwritten() {
                return false;
            }
            state.closed = true;
            state.link = None;
        }
        self.room.close();
        self.wake.notify_one();
        true
    }
}
