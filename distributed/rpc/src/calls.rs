//! The calls that wait for an answer.
//!
//! An answer belongs to a call if it carries its random request id and comes from the peer that was
//! asked. All others (forged, repeated, late) find no call and change nothing.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    time::Instant,
};

use parking_lot::Mutex;
use rand::RngExt;
use tokio::sync::oneshot;

use crate::{
    answer::Answer, destination::Destination, error::CallError, message::Class, peer::PeerId,
};

/// Where the answer to a call arrives.
type Receiver<R> = oneshot::Receiver<Result<Answer<R>, CallError>>;

/// A call that waits.
#[derive(Debug)]
pub(crate) struct Waiting<R> {
    /// The peer that was asked; none if any node that listens at the address may answer.
    pub(crate) peer: Option<PeerId>,
    /// Where it was asked.
    pub(crate) to: Destination,
    pub(crate) since: Instant,
    pub(crate) class: Class,
    answer: oneshot::Sender<Result<Answer<R>, CallError>>,
}

impl<R> Waiting<R> {
    /// Ends the call. One that was given up meanwhile does not care.
    pub(crate) fn end(self, result: Result<Answer<R>, CallError>) {
        let _given_up = self.answer.send(result);
    }
}

/// The calls that wait for an answer, by request id.
#[derive(Debug)]
pub(crate) struct Calls<R> {
    waiting: Mutex<Table<R>>,
    max: usize,
}

#[derive(Debug)]
struct Table<R> {
    calls: HashMap<u64, Waiting<R>, BuildHasherDefault<AsItIs>>,
    closed: bool,
}

impl<R> Calls<R> {
    pub(crate) fn new(max: usize) -> Calls<R> {
        Calls {
            waiting: Mutex::new(Table {
                calls: HashMap::default(),
                closed: false,
            }),
            max,
        }
    }

    /// Registers a call under a new random id. It waits until it is ended or the ticket dropped.
    pub(crate) fn register(
        &self,
        peer: Option<PeerId>,
        to: Destination,
        class: Class,
    ) -> Result<(Ticket<'_, R>, Receiver<R>), CallError> {
        let (answer, receiver) = oneshot::channel();
        let waiting = Waiting {
            peer,
            to,
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
    pub(crate) fn take(&self, id: u64, from: &PeerId) -> Option<Waiting<R>> {
        let mut table = self.waiting.lock();
        match table.calls.get(&id)?.peer {
            Some(peer) if peer != *from => None,
            _ => table.calls.remove(&id),
        }
    }

    /// Ends all calls to this destination that began by then.
    pub(crate) fn fail(&self, to: &Destination, by: Instant, error: &CallError) {
        let failed: Vec<Waiting<R>> = self
            .waiting
            .lock()
            .calls
            .extract_if(|_, waiting| waiting.to == *to && waiting.since <= by)
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

/// A call that is in the table until this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a, R> {
    calls: &'a Calls<R>,
    pub(crate) id: u64,
}

impl<R> Drop for Ticket<'_, R> {
    fn drop(&mut self) {
        self.calls.waiting.lock().calls.remove(&self.id);
    }
}

/// Hashes a request id to itself: ids are random already, and strangers choose none of those in the
/// table.
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
    use std::net::SocketAddr;

    use bytes::Bytes;

    use super::*;
    use crate::{peer::Peer, test_message::Reply};

    fn key(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    fn to(port: u16) -> Destination {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Destination { address, id: None }
    }

    fn answer(from: PeerId) -> Result<Answer<Reply>, CallError> {
        Ok(Answer {
            reply: Reply::Done,
            attachment: Bytes::new(),
            from: Peer {
                id: from,
                address: to(1).address,
            },
        })
    }

    #[test]
    fn only_the_peer_that_was_asked_ends_a_call_and_only_once() {
        let calls = Calls::<Reply>::new(8);
        let (ticket, mut receiver) = calls.register(Some(key(1)), to(1), Class::Prompt).unwrap();
        assert!(calls.take(ticket.id, &key(2)).is_none(), "forged");
        assert!(calls.take(ticket.id ^ 1, &key(1)).is_none(), "unknown");
        let waiting = calls.take(ticket.id, &key(1)).unwrap();
        assert!(calls.take(ticket.id, &key(1)).is_none(), "repeated");
        waiting.end(answer(key(1)));
        assert!(receiver.try_recv().unwrap().is_ok());
    }

    #[test]
    fn a_call_that_was_given_up_leaves_nothing_behind() {
        let calls = Calls::<Reply>::new(1);
        let (ticket, receiver) = calls.register(None, to(1), Class::Prompt).unwrap();
        assert!(matches!(
            calls.register(None, to(1), Class::Prompt),
            Err(CallError::Overloaded)
        ));
        let id = ticket.id;
        drop((ticket, receiver));
        assert!(calls.take(id, &key(1)).is_none(), "late");
        assert_eq!(calls.len(), 0);
        assert!(calls.register(None, to(1), Class::Prompt).is_ok());
    }

    #[test]
    fn a_dead_address_fails_its_calls_and_no_others() {
        let calls = Calls::<Reply>::new(8);
        let (_dead, mut dead) = calls.register(Some(key(1)), to(1), Class::Prompt).unwrap();
        let (_alive, mut alive) = calls.register(Some(key(1)), to(2), Class::Prompt).unwrap();
        calls.fail(&to(1), Instant::now(), &CallError::Overloaded);
        assert!(dead.try_recv().unwrap().is_err());
        assert!(alive.try_recv().is_err(), "still waiting");
        calls.close();
        assert!(matches!(alive.try_recv(), Ok(Err(CallError::Closed))));
        assert!(matches!(
            calls.register(None, to(1), Class::Prompt),
            Err(CallError::Closed)
        ));
    }
}
