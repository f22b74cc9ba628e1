//! The transport: JSON over TCP, one shared send socket per peer, one listener that hears replies.
//!
//! A request goes out on this node's own connection to the peer's listener, and the reply comes back
//! on the peer's own connection to this node's listener; it belongs to the call whose random id it
//! carries, if it comes from the peer that was asked. A connection that this node made is only ever
//! written to, one that it accepted only ever read. So each message announces the address of its
//! sender's listener, and both must be able to dial each other.
//!
//! Nothing here knows what the messages mean, or which nodes there are. All is bounded: see
//! [`RpcConfig`]. What breaks the protocol costs its sender the connection, and this node nothing.

mod backoff;
mod calls;
mod config;
mod connections;
mod dial;
mod envelope;
mod error;
mod frame;
mod handler;
mod hexadecimal;
mod inbound;
mod nodes;
mod outbox;
mod patience;
mod reader;
mod send_socket;
mod shared;
mod sockets;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
    time::timeout,
};

pub use config::RpcConfig;
pub use error::CallError;
pub use frame::{
    ATTACHMENT_BYTES_MAX, JSON_BYTES_MAX, JSON_WITH_SONG_BYTES_MAX, SMALL_FRAME_BYTES_MAX,
};
pub use handler::{Handled, Handler, Heard, Outcome};

use self::{
    envelope::Say, inbound::Inbound, patience::Class, send_socket::SendSocket, shared::Shared,
};
use crate::{Contact, Key, Reply, Request};

/// How many connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// How long to wait before accepting again when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The transport of one node. Clones share it; it ends when [`Rpc::shutdown`] is called or the last
/// clone is dropped. (A handler that holds a clone keeps it alive: then only `shutdown` ends it.)
#[derive(Debug, Clone)]
pub struct Rpc {
    shared: Arc<Shared>,
    listener: Arc<Mutex<Option<TcpListener>>>,
    _end: Arc<EndOnDrop>,
}

#[derive(Debug)]
struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        end(&self.0);
    }
}

/// What a peer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// The bytes that came with it.
    pub attachment: Bytes,
    /// Who answered, with the address that it announces.
    pub from: Contact,
}

/// What is under way in the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Connections that this node made.
    pub send_sockets: usize,
    /// Bytes that wait to be written to them.
    pub unwritten_bytes: usize,
    /// Connections that others made to this node.
    pub connections: usize,
    /// Calls that wait for an answer.
    pub calls: usize,
    /// Requests of others that are being answered by tasks of their own.
    pub requests: usize,
}

impl Rpc {
    /// Listens. Nothing is accepted before [`Rpc::serve`], and so no call is answered either:
    /// answers come to the listener.
    ///
    /// # Errors
    ///
    /// Whatever the system says of the address; [`io::ErrorKind::InvalidInput`] if others could not
    /// know where this node listens.
    pub async fn bind(config: RpcConfig) -> io::Result<Rpc> {
        let socket = match config.listen {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A node that restarts takes its port back at once.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(config.listen)?;
        let listener = socket.listen(BACKLOG)?;
        let listens = listener.local_addr()?;
        let mut address = config.advertise.unwrap_or(listens);
        if address.port() == 0 {
            address.set_port(listens.port());
        }
        if address.ip().is_unspecified() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "{address} is no address at which others reach this node: advertise one of its own"
                ),
            ));
        }
        let own = Contact {
            id: config.id,
            address,
        };
        let shared = Arc::new(Shared::new(own, config));
        Ok(Rpc {
            _end: Arc::new(EndOnDrop(shared.clone())),
            shared,
            listener: Arc::new(Mutex::new(Some(listener))),
        })
    }

    /// Begins to accept connections; what comes is given to the handler. A second time it does
    /// nothing.
    pub fn serve(&self, handler: Arc<dyn Handler>) {
        let Some(listener) = self.listener.lock().take() else {
            return;
        };
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move {
            let closing = shared.closing.clone();
            closing
                .run_until_cancelled(accept(listener, shared, handler))
                .await;
        });
    }

    /// This node's id, and the address that it announces.
    #[must_use]
    pub fn contact(&self) -> Contact {
        self.shared.own
    }

    /// Asks a peer, and waits for its answer, at most until the hard deadline.
    ///
    /// A request whose frame is longer than [`SMALL_FRAME_BYTES_MAX`] waits, within the deadline, for
    /// room among what goes to that peer; a small one does not wait. Dropping the future gives the
    /// call up; the peer may act nevertheless.
    ///
    /// # Errors
    ///
    /// See [`CallError`]. When the peer's process dies, its calls fail as soon as the connection is
    /// lost and a new one is refused, which is long before the deadline.
    pub async fn call(
        &self,
        to: &Contact,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer, CallError> {
        if to.id == self.shared.own.id {
            return Err(CallError::Ourselves);
        }
        let result = self
            .ask(Some(to.id), to.address, request, attachment, hard)
            .await;
        if let Err(CallError::Timeout(_)) = result {
            self.shared.patience.silent(&to.id, Class::of(request));
        }
        result
    }

    /// Asks whoever listens at an address who it is, as a node does that joins. The contact carries
    /// the address that the other one announces.
    ///
    /// # Errors
    ///
    /// [`CallError::Ourselves`] if it is this node; otherwise as [`Rpc::call`].
    pub async fn introduce(&self, address: SocketAddr) -> Result<Contact, CallError> {
        let hard = crate::kademlia::RoundTrip::new().hard();
        let answer = self
            .ask(None, address, &Request::Ping, Bytes::new(), hard)
            .await?;
        Ok(answer.from)
    }

    async fn ask(
        &self,
        peer: Option<Key>,
        address: SocketAddr,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer, CallError> {
        let shared = &self.shared;
        let (ticket, answer) = shared.calls.register(peer, address, Class::of(request))?;
        let mut open = None;
        let asked = async {
            let say = Say::Ask(request);
            let socket = shared
                .queue_when_possible(address, ticket.id, say, &attachment)
                .await?;
            let open = open.insert(OpenCall::begin(socket));
            let result = answer.await.unwrap_or(Err(CallError::Closed));
            if (result.is_ok() || result.as_ref().is_err_and(CallError::is_answer))
                && open.socket.answered()
            {
                shared.sockets.answered(address);
            }
            result
        };
        match timeout(hard, asked).await {
            Ok(result) => result,
            Err(_late) => {
                if let Some(open) = open {
                    open.socket.doubt(shared.config.trusted_for);
                }
                Err(CallError::Timeout(hard))
            }
        }
    }

    /// The soft deadline of a request to this peer that is answered from memory: when a lookup goes
    /// on without it. Follows the measured round trips; see
    /// [`RoundTrip::soft`](crate::kademlia::RoundTrip::soft).
    #[must_use]
    pub fn patience(&self, peer: &Key) -> Duration {
        self.shared.patience.soft(peer)
    }

    /// When it is worth while to ask another replica for what this peer was asked to read: some 95 of
    /// 100 answers come sooner.
    #[must_use]
    pub fn hedge_after(&self, peer: &Key) -> Duration {
        self.shared.patience.hedge(peer)
    }

    /// What is under way.
    #[must_use]
    pub fn load(&self) -> Load {
        let shared = &self.shared;
        let (send_sockets, unwritten_bytes) = shared.sockets.load();
        Load {
            send_sockets,
            unwritten_bytes,
            connections: shared.connections.len(),
            calls: shared.calls.len(),
            requests: shared
                .config
                .requests_max
                .saturating_sub(shared.requests.available_permits()),
        }
    }

    /// Closes all connections and the listener; calls that wait fail with [`CallError::Closed`].
    /// When it returns, all tasks have ended.
    pub async fn shutdown(&self) {
        self.listener.lock().take();
        end(&self.shared);
        self.shared.tasks.wait().await;
    }
}

/// A call that was sent on a socket.
struct OpenCall {
    socket: Arc<SendSocket>,
}

impl OpenCall {
    fn begin(socket: Arc<SendSocket>) -> OpenCall {
        if socket.begin_call() {
            socket.write_now();
        } else {
            socket.write_soon();
        }
        OpenCall { socket }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.socket.end_call();
    }
}

fn end(shared: &Shared) {
    shared.closing.cancel();
    shared.tasks.close();
    shared.calls.close();
    shared.sockets.close();
    shared.connections.close();
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, handler: Arc<dyn Handler>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections at the moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = shared.connections.admit(peer.ip());
        let number = place.number;
        let inbound = Inbound {
            requests: Arc::new(Semaphore::new(shared.config.requests_per_peer_max)),
            shared: shared.clone(),
            handler: handler.clone(),
            stream,
            place,
        };
        let task = shared.tasks.spawn(inbound.run());
        shared.connections.runs(number, task.abort_handle());
    }
}
