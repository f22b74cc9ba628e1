//! The state that all tasks of the transport share, and the way of a frame from it to a peer.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    calls::Calls,
    config::RpcConfig,
    destination::Destination,
    error::CallError,
    message::Request,
    peer::{Peer, PeerId},
    receiving::connections::Connections,
    security::tls::Tls,
    sending::{
        outbox::Bulk,
        send_socket::{End, Refused, SendSocket},
        sockets::{Limits, SocketTo, Sockets, unreachable},
    },
    wire::{
        envelope::{Prefix, Say, TooLarge},
        reader::BUFFER_BYTES,
    },
};

/// How many buffers are kept for connections on which something arrives.
const BUFFERS_MAX: usize = 16;

/// The state that all tasks share.
#[derive(Debug)]
pub(crate) struct Shared<Q: Request> {
    pub(crate) own: Peer,
    pub(crate) config: RpcConfig,
    pub(crate) prefix: Prefix,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<Tls>,
    pub(crate) calls: Calls<Q::Reply>,
    pub(crate) sockets: Sockets,
    pub(crate) connections: Arc<Connections>,
    /// How many more requests may be under way.
    pub(crate) requests: Arc<Semaphore>,
    /// How many more bytes of attachments they may hold.
    pub(crate) requests_bytes: Arc<Semaphore>,
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: TaskTracker,
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// Why a frame was not sent.
pub(crate) enum Unsent {
    Failed(CallError),
    /// The bulk lane of this socket is full at the moment.
    NoRoom(Arc<SendSocket>, Bulk),
}

impl<Q: Request> Shared<Q> {
    pub(crate) fn new(own: Peer, tls: Option<Tls>, config: RpcConfig) -> Shared<Q> {
        Shared {
            tls,
            own,
            prefix: Prefix::of(&own),
            calls: Calls::new(config.calls_max),
            sockets: Sockets::new(Limits {
                sockets_max: config.send_sockets_max.max(1),
                small_bytes_max: config.small_bytes_per_peer_max,
                bulk_bytes_max: config.bulk_bytes(),
            }),
            connections: Arc::new(Connections::new(
                config.connections_max,
                config.connections_per_ip_max,
            )),
            requests: Arc::new(Semaphore::new(config.requests_max)),
            requests_bytes: Arc::new(Semaphore::new(config.requests_bytes_max)),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            buffers: Mutex::default(),
            config,
        }
    }

    /// Where what is meant for this node is sent; for any node that lives at the address if it is none.
    pub(crate) fn destination(&self, id: Option<PeerId>, address: SocketAddr) -> Destination {
        let id = id.filter(|_| self.tls.is_some());
        Destination { address, id }
    }

    /// Where the answer to a node is sent: nowhere but to the node that has proven to be the asker.
    pub(crate) fn back_to(&self, asker: &Peer) -> Destination {
        self.destination(Some(asker.id), asker.address)
    }

    /// A buffer to read into.
    pub(crate) fn take_buffer(&self) -> Vec<u8> {
        let kept = self.buffers.lock().pop();
        kept.unwrap_or_else(|| vec![0; BUFFER_BYTES])
    }

    /// Gives a buffer back.
    pub(crate) fn keep_buffer(&self, buffer: Vec<u8>) {
        let mut buffers = self.buffers.lock();
        if buffers.len() < BUFFERS_MAX && buffer.len() == BUFFER_BYTES {
            buffers.push(buffer);
        }
    }

    /// Queues a frame to a destination, if there is room at once. The caller then has it written.
    pub(crate) fn queue(
        self: &Arc<Self>,
        to: Destination,
        id: u64,
        say: Say<'_, Q>,
        attachment: &Bytes,
    ) -> Result<Arc<SendSocket>, Unsent> {
        loop {
            let socket = self.socket(to).map_err(Unsent::Failed)?;
            match socket.offer(&self.prefix, id, say, attachment) {
                Ok(()) => return Ok(socket),
                // It was closed between the two; the next one is another.
                Err(Refused::Closed) => {}
                Err(Refused::Full) => return Err(Unsent::Failed(CallError::Overloaded)),
                Err(Refused::TooLarge(TooLarge(limit))) => {
                    return Err(Unsent::Failed(CallError::TooLarge { limit }));
                }
                Err(Refused::NoRoom(bulk)) => return Err(Unsent::NoRoom(socket, bulk)),
            }
        }
    }

    /// Queues a frame to a destination, as soon as there is room.
    pub(crate) async fn queue_when_possible(
        self: &Arc<Self>,
        to: Destination,
        id: u64,
        say: Say<'_, Q>,
        attachment: &Bytes,
    ) -> Result<Arc<SendSocket>, CallError> {
        loop {
            match self.queue(to, id, say, attachment) {
                Ok(socket) => return Ok(socket),
                Err(Unsent::Failed(error)) => return Err(error),
                Err(Unsent::NoRoom(socket, bulk)) => {
                    if socket.wait_for_room(bulk).await.is_ok() {
                        return Ok(socket);
                    }
                }
            }
        }
    }

    fn socket(self: &Arc<Self>, to: Destination) -> Result<Arc<SendSocket>, CallError> {
        match self.sockets.to(to)? {
            SocketTo::Open(socket) => Ok(socket),
            SocketTo::New(socket) => {
                let (shared, it) = (self.clone(), socket.clone());
                self.tasks.spawn(async move { shared.attend(&it).await });
                Ok(socket)
            }
        }
    }

    /// Dials, writes, and dials again, as long as that makes sense.
    async fn attend(self: &Arc<Self>, socket: &Arc<SendSocket>) {
        // How many connections in a row were of no use.
        let mut useless = 0;
        let mut lost_at = None;
        loop {
            let dialled = self
                .closing
                .run_until_cancelled(socket.connect(self.tls.as_ref(), self.config.dial_deadline));
            let link = match dialled.await {
                None => return,
                Some(Err(error)) => return self.give_up(socket, error),
                Some(Ok(link)) => link,
            };
            if let Some(lost_at) = lost_at {
                self.fail_what_was_lost(socket.to, lost_at);
            }
            let since = Instant::now();
            let end = socket.serve(&link, self.config.stall_deadline).await;
            drop(link);
            let error = match end {
                End::Closed => return self.sockets.ended(socket),
                End::Stalled => {
                    let error = io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing");
                    return self.give_up(socket, error);
                }
                End::Lost(error) => error,
            };
            useless = match socket.was_useful(since.elapsed()) {
                true => 0,
                false => useless + 1,
            };
            if !socket.is_needed() && socket.close_if_idle() {
                return self.sockets.ended(socket);
            }
            if useless > 1 {
                return self.give_up(socket, error);
            }
            tracing::debug!(to = ?socket.to, %error, "connection lost; dialling again");
            lost_at = Some(Instant::now());
        }
    }

    /// A connection was lost, and the peer is there again. Requests sent before may still be
    /// answered, if the connection alone was cut; not if the peer was started anew. Nobody can tell,
    /// so they are given a little time.
    fn fail_what_was_lost(self: &Arc<Self>, to: Destination, lost_at: Instant) {
        let shared = self.clone();
        self.tasks.spawn(async move {
            let grace = tokio::time::sleep(shared.config.lost_grace);
            if shared.closing.run_until_cancelled(grace).await.is_some() {
                let error = io::Error::new(
                    io::ErrorKind::ConnectionReset,
                    "the connection was lost after the request was sent",
                );
                let error = unreachable(to.address, error);
                shared.calls.fail(&to, lost_at, &error);
            }
        });
    }

    /// The destination cannot be reached: all that waits for it fails.
    fn give_up(&self, socket: &Arc<SendSocket>, error: io::Error) {
        tracing::debug!(to = ?socket.to, %error, "cannot be reached");
        self.sockets.failed(socket);
        socket.close();
        let error = unreachable(socket.to.address, error);
        self.calls.fail(&socket.to, Instant::now(), &error);
    }
}
