//! The send sockets, one per destination, and the destinations that are better left alone for a while.
//!
//! Where nobody proves who he is, a destination is an address alone: a node that announces another's address under
//! many names costs this node one connection, not many. Otherwise it is a node at an address, so that nothing waits
//! for the node that lives there which was meant for another. A node that moves has another socket. When there are
//! too many, the one that was not used for longest goes, those of which nothing is expected first.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rand::RngExt;

use super::{backoff::Backoff, send_socket::SendSocket};
use crate::{destination::Destination, error::CallError};

/// How many destinations are remembered that could not be reached. Those whose pause is over make room; a
/// cache would drop one that is still to be left alone.
const BACKOFFS_MAX: usize = 4096;

/// The send sockets of this node.
#[derive(Debug)]
pub(crate) struct Sockets {
    table: Mutex<Table>,
    limits: Limits,
}

/// The bounds of [`Sockets`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) sockets_max: usize,
    pub(crate) small_bytes_max: usize,
    pub(crate) bulk_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<Destination, Arc<SendSocket>>,
    backoffs: HashMap<Destination, Backoff>,
    /// How often a socket was asked for.
    uses: u64,
    closed: bool,
}

/// A socket, and whether it was just made: then it must be dialled.
pub(crate) enum SocketTo {
    Open(Arc<SendSocket>),
    New(Arc<SendSocket>),
}

impl Sockets {
    pub(crate) fn new(limits: Limits) -> Sockets {
        Sockets {
            table: Mutex::default(),
            limits,
        }
    }

    /// The socket to this destination.
    ///
    /// # Errors
    ///
    /// [`CallError::Unreachable`] for a while after the address could not be reached;
    /// [`CallError::Overloaded`] if all sockets are busy.
    pub(crate) fn to(&self, to: Destination) -> Result<SocketTo, CallError> {
        let mut table = self.table.lock();
        table.uses += 1;
        let use_number = table.uses;
        if let Some(socket) = table.open.get(&to)
            && socket.is_usable()
        {
            socket.used(use_number);
            return Ok(SocketTo::Open(socket.clone()));
        }
        if table.closed {
            return Err(CallError::Closed);
        }
        if let Some(pause) = table
            .backoffs
            .get(&to)
            .and_then(|backoff| backoff.pause(Instant::now()))
        {
            return Err(unreachable(to.address, later(pause)));
        }
        if table.open.len() >= self.limits.sockets_max && !table.make_room() {
            return Err(CallError::Overloaded);
        }
        let socket = Arc::new(SendSocket::new(
            to,
            self.limits.small_bytes_max,
            self.limits.bulk_bytes_max,
        ));
        socket.used(use_number);
        table.open.insert(to, socket.clone());
        Ok(SocketTo::New(socket))
    }

    /// The address could not be reached, or not for long: it is left alone for a while.
    pub(crate) fn failed(&self, socket: &Arc<SendSocket>) {
        let mut table = self.table.lock();
        table.remove(socket);
        let now = Instant::now();
        if table.backoffs.len() >= BACKOFFS_MAX {
            table
                .backoffs
                .retain(|_, backoff| backoff.pause(now).is_some());
        }
        if table.backoffs.len() < BACKOFFS_MAX {
            let jitter = rand::rng().random();
            let backoff = table.backoffs.entry(socket.to).or_default();
            backoff.failed(now, jitter);
        }
    }

    /// Forgets a socket that is closed.
    pub(crate) fn ended(&self, socket: &Arc<SendSocket>) {
        self.table.lock().remove(socket);
    }

    /// An answer came from there: it can be reached.
    pub(crate) fn answered(&self, to: &Destination) {
        self.table.lock().backoffs.remove(to);
    }

    /// An introduction at this address came to its end.
    pub(crate) fn introduced(&self, address: SocketAddr) {
        let to = Destination { address, id: None };
        let socket = self.table.lock().open.get(&to).cloned();
        if let Some(socket) = socket.filter(|socket| socket.calls() == 0) {
            socket.close_if_idle();
        }
    }

    /// How many there are, and how many bytes wait to be written to them.
    pub(crate) fn load(&self) -> (usize, usize) {
        let table = self.table.lock();
        let bytes = table.open.values().map(|socket| socket.unwritten_bytes());
        (table.open.len(), bytes.sum())
    }

    /// Closes all, and makes no more.
    pub(crate) fn close(&self) {
        let open = {
            let mut table = self.table.lock();
            table.closed = true;
            std::mem::take(&mut table.open)
        };
        for socket in open.into_values() {
            socket.close();
        }
    }
}

impl Table {
    fn remove(&mut self, socket: &Arc<SendSocket>) {
        if let Some(there) = self.open.get(&socket.to)
            && Arc::ptr_eq(there, socket)
        {
            self.open.remove(&socket.to);
        }
    }

    /// Closes the socket that is needed least. Says whether there was one to which nothing waits
    /// to be written.
    fn make_room(&mut self) -> bool {
        let mut candidates: Vec<_> = self
            .open
            .values()
            .filter(|socket| !socket.has_unwritten())
            .cloned()
            .collect();
        candidates.sort_by_key(|socket| {
            let expected = socket.calls() > 0;
            (expected, socket.has_answered(), socket.last_use())
        });
        for socket in candidates {
            if socket.close_if_idle() {
                self.remove(&socket);
                return true;
            }
        }
        false
    }
}

/// The error of a call to an address that cannot be reached.
pub(crate) fn unreachable(address: SocketAddr, cause: io::Error) -> CallError {
    CallError::Unreachable {
        address,
        cause: Arc::new(cause),
    }
}

fn later(pause: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::HostUnreachable,
        format!(
            "it could not be reached a moment ago; the next attempt is made in {} ms",
            pause.as_millis()
        ),
    )
}
