//! The handle of the transport: binding, serving, calling, and the end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_accept::Acceptor;
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
    time::timeout,
};

use crate::{
    answer::Answer,
    config::RpcConfig,
    error::CallError,
    handler::Handler,
    message::Request,
    peer::{Peer, PeerId},
    receiving::inbound::Inbound,
    security::tls::Tls,
    sending::send_socket::SendSocket,
    shared::Shared,
    wire::envelope::Say,
};

/// How many connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// The transport of one node. Clones share it; it ends when [`Rpc::shutdown`] is called or the last
/// clone is dropped. (A handler that holds a clone keeps it alive: then only `shutdown` ends it.)
#[derive(Debug)]
pub struct Rpc<Q: Request> {
    shared: Arc<Shared<Q>>,
    listener: Arc<Mutex<Option<TcpListener>>>,
    end: Arc<EndOnDrop<Q>>,
}

impl<Q: Request> Clone for Rpc<Q> {
    fn clone(&self) -> Rpc<Q> {
        Rpc {
            shared: self.shared.clone(),
            listener: self.listener.clone(),
            end: self.end.clone(),
        }
    }
}

#[derive(Debug)]
struct EndOnDrop<Q: Request>(Arc<Shared<Q>>);

impl<Q: Request> Drop for EndOnDrop<Q> {
    fn drop(&mut self) {
        end(&self.0);
    }
}

/// The load of the transport.
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

impl<Q: Request> Rpc<Q> {
    /// Listens. Nothing is accepted before [`Rpc::serve`], and so no call is answered either:
    /// answers come to the listener.
    ///
    /// # Errors
    ///
    /// The error of the system for the address; [`io::ErrorKind::InvalidInput`] if others could not
    /// know where this node listens, or if the id is not that of the key.
    pub async fn bind(config: RpcConfig) -> io::Result<Rpc<Q>> {
        let socket = match config.listen {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        take_port_back(&socket)?;
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
        if config.key.as_ref().is_some_and(|key| key.id() != config.id) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the id is not that of the key",
            ));
        }
        let own = Peer {
            id: config.id,
            address,
        };
        let tls = config.key.as_ref().map(Tls::of).transpose();
        let tls = tls.map_err(io::Error::other)?;
        let shared = Arc::new(Shared::new(own, tls, config));
        Ok(Rpc {
            end: Arc::new(EndOnDrop(shared.clone())),
            shared,
            listener: Arc::new(Mutex::new(Some(listener))),
        })
    }

    /// Begins to accept connections, and gives the requests on them to the handler. A second time it
    /// does nothing.
    pub fn serve(&self, handler: Arc<dyn Handler<Q>>) {
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
    pub fn peer(&self) -> Peer {
        self.shared.own
    }

    /// Asks a peer, and waits for its answer, at most until the hard deadline.
    ///
    /// A request whose frame is longer than [`SMALL_FRAME_BYTES_MAX`](crate::SMALL_FRAME_BYTES_MAX) waits, within the deadline, for
    /// room among what goes to that peer; a small one does not wait. Dropping the future gives the
    /// call up; the peer may act nevertheless.
    ///
    /// # Errors
    ///
    /// See [`CallError`]. When the peer's process dies, its calls fail as soon as the connection is
    /// lost and a new one is refused, which is long before the deadline.
    pub async fn call(
        &self,
        to: &Peer,
        request: &Q,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Q::Reply>, CallError> {
        if to.id == self.shared.own.id {
            return Err(CallError::Ourselves);
        }
        self.ask(Some(to.id), to.address, request, attachment, hard)
            .await
    }

    /// Asks the node that listens at an address, and gives its id: so a node joins that knows others
    /// by their addresses alone. The peer carries the address that the other one announces.
    ///
    /// # Errors
    ///
    /// [`CallError::Ourselves`] if it is this node; otherwise as [`Rpc::call`].
    pub async fn introduce(
        &self,
        address: SocketAddr,
        request: &Q,
        hard: Duration,
    ) -> Result<Peer, CallError> {
        let answer = self.ask(None, address, request, Bytes::new(), hard).await;
        // Now it is known who lives there, and all else is sent to that node alone.
        if self.shared.tls.is_some() {
            self.shared.sockets.introduced(address);
        }
        Ok(answer?.from)
    }

    async fn ask(
        &self,
        peer: Option<PeerId>,
        address: SocketAddr,
        request: &Q,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Q::Reply>, CallError> {
        let shared = &self.shared;
        let to = shared.destination(peer, address);
        let (ticket, answer) = shared.calls.register(peer, to, request.class())?;
        let mut open = None;
        let asked = async {
            let say = Say::Ask(request);
            let socket = shared
                .queue_when_possible(to, ticket.id, say, &attachment)
                .await?;
            let open = open.insert(OpenCall::begin(socket));
            let result = answer.await.unwrap_or(Err(CallError::Closed));
            if (result.is_ok() || result.as_ref().is_err_and(CallError::is_answer))
                && open.socket.answered()
            {
                shared.sockets.answered(&to);
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

    /// The present load.
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

/// A node that restarts takes its port back at once.
#[cfg(unix)]
fn take_port_back(socket: &TcpSocket) -> io::Result<()> {
    socket.set_reuseaddr(true)
}

/// Elsewhere the option means that two programs may listen on one port.
#[cfg(not(unix))]
fn take_port_back(_socket: &TcpSocket) -> io::Result<()> {
    Ok(())
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

fn end<Q: Request>(shared: &Shared<Q>) {
    shared.closing.cancel();
    shared.tasks.close();
    shared.calls.close();
    shared.sockets.close();
    shared.connections.close();
}

async fn accept<Q: Request>(
    listener: TcpListener,
    shared: Arc<Shared<Q>>,
    handler: Arc<dyn Handler<Q>>,
) {
    let mut acceptor = Acceptor::new(listener);
    loop {
        let (tcp, peer) = acceptor.accept().await;
        let admission = shared.connections.admit(peer.ip());
        let number = admission.number;
        let inbound = Inbound {
            requests: Arc::new(Semaphore::new(shared.config.requests_per_peer_max)),
            shared: shared.clone(),
            handler: handler.clone(),
            admission,
        };
        let task = shared.tasks.spawn(inbound.run(tcp));
        shared.connections.runs(number, task.abort_handle());
    }
}
