//! The calls that wait for an answer.
//!
//! An answer belongs to a call if it carries its random request id and comes from the peer that was
//! asked. All others (forged, repeated, late) find no call and change nothing.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    net::SocketAddr,
    time::Instant,
};

use parking_lot::Mutex;
use rand::RngExt;
use tokio::sync::oneshot;

use super::{Answer, CallError, patience::Class};
use crate::Key;

/// What a call comes to.
pub(crate) type Result = std::result::Result<Answer, CallError>;

/// A call that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Who was asked; none if whoever listens at the address may answer.
    pub(crate) peer: Option<Key>,
    /// Where it was asked.
    pub(crate) address: SocketAddr,
    pub(crate) since: Instant,
    pub(crate) class: Class,
    answer: oneshot::Sender<Result>,
}

impl Waiting {
    /// Ends the call. One that was given up meanwhile does not care.
    pub(crate) fn end(self, result: Result) {
        let _given_up = self.answer.send(result);
    }
}

/// The calls that wait for an answer, by request id.
#[derive(Debug)]
pub(crate) struct Calls {
    waiting: Mutex<Table>,
    max: usize,
}

#[derive(Debug, Default)]
struct Table {
    calls: HashMap<u64, Waiting, BuildHasherDefault<AsItIs>>,
    closed: bool,
}

impl Calls {
    pub(crate) fn new(max: usize) -> Calls {
        Calls {
            waiting: Mutex::default(),
            max,
        }
    }

    /// Registers a call under a new random id. It waits until it is ended or the ticket dropped.
    pub(crate) fn register(
        &self,
        peer: Option<Key>,
        address: SocketAddr,
        class: Class,
    ) -> std::result::Result<(Ticket<'_>, oneshot::Receiver<Result>), CallError> {
        let (answer, receiver) = oneshot::channel();
        let waiting = Waiting {
            peer,
            address,
            since: Instant::now(),
            class,
            answer,
        };
        let mut dice = rand::rng();
        let mut table = self.waiting.lock();
        if table.closed {
            return Err(CallError::Closed);
        }
        if table.calls.len() >= self.max {
            return Err(CallError::Overloaded);
        }
        let id = loop {
            let id = dice.random();
            if !table.calls.contains_key(&id) {
                break id;
            }
        };
        table.calls.insert(id, waiting);
        Ok((Ticket { calls: self, id }, receiver))
    }

    /// The call that an answer with this id from this peer belongs to. It waits no longer.
    pub(crate) fn take(&self, id: u64, from: &Key) -> Option<Waiting> {
        let mut table = self.waiting.lock();
        match table.calls.get(&id)?.peer {
            Some(peer) if peer != *from => None,
            _ => table.calls.remove(&id),
        }
    }

    /// Ends all calls to this address that began by then.
    pub(crate) fn fail(&self, address: SocketAddr, by: Instant, error: &CallError) {
        let failed: Vec<Waiting> = self
            .waiting
            .lock()
            .calls
            .extract_if(|_, waiting| waiting.address == address && waiting.since <= by)
            .map(|(_, waiting)| waiting)
            .collect();
        for waiting in failed {
            waiting.end(Err(error.clone()));
        }
    }

    /// Ends all calls, and takes no more.
    pub(crate) fn close(&self) {
        let calls = {
            let mut table = self.waiting.lock();
            table.closed = true;
            std::mem::take(&mut table.calls)
        };
        for waiting in calls.into_values() {
            waiting.end(Err(CallError::Closed));
        }
    }

    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().calls.len()
    }
}

/// A call's place in the table, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    calls: &'a Calls,
    pub(crate) id: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.calls.waiting.lock().calls.remove(&self.id);
    }
}

/// Request ids are drawn here at random, and strangers choose none of those in the table: no need
/// to mix them.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Contact, Reply};

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 32])
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn answer(from: Key) -> Result {
        Ok(Answer {
            reply: Reply::Done,
            attachment: Bytes::new(),
            from: Contact {
                id: from,
                address: address(1),
            },
        })
    }

    #[test]
    fn only_the_peer_that_was_asked_ends_a_call_and_only_once() {
        let calls = Calls::new(8);
        let (ticket, mut receiver) = calls
            .register(Some(key(1)), address(1), Class::Prompt)
            .unwrap();
        assert!(calls.take(ticket.id, &key(2)).is_none(), "forged");
        assert!(calls.take(ticket.id ^ 1, &key(1)).is_none(), "unknown");
        let waiting = calls.take(ticket.id, &key(1)).unwrap();
        assert!(calls.take(ticket.id, &key(1)).is_none(), "repeated");
        waiting.end(answer(key(1)));
        assert!(receiver.try_recv().unwrap().is_ok());
    }

    #[test]
    fn a_call_that_was_given_up_leaves_nothing_behind() {
        let calls = Calls::new(1);
        let (ticket, receiver) = calls.register(None, address(1), Class::Prompt).unwrap();
        assert!(matches!(
            calls.register(None, address(1), Class::Prompt),
            Err(CallError::Overloaded)
        ));
        let id = ticket.id;
        drop((ticket, receiver));
        assert!(calls.take(id, &key(1)).is_none(), "late");
        assert_eq!(calls.len(), 0);
        assert!(calls.register(None, address(1), Class::Prompt).is_ok());
    }

    #[test]
    fn a_dead_address_fails_its_calls_and_no_others() {
        let calls = Calls::new(8);
        let (_dead, mut dead) = calls
            .register(Some(key(1)), address(1), Class::Prompt)
            .unwrap();
        let (_alive, mut alive) = calls
            .register(Some(key(1)), address(2), Class::Prompt)
            .unwrap();
        calls.fail(address(1), Instant::now(), &CallError::Overloaded);
        assert!(dead.try_recv().unwrap().is_err());
        assert!(alive.try_recv().is_err(), "still waiting");
        calls.close();
        assert!(matches!(alive.try_recv(), Ok(Err(CallError::Closed))));
        assert!(matches!(
            calls.register(None, address(1), Class::Prompt),
            Err(CallError::Closed)
        ));
    }
}
