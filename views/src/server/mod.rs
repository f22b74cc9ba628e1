//! The HTTP server: an accept loop on hyper, with a bound on everything a client may delay.
//!
//! `axum::serve` has no deadlines at all, so that a half-sent request stays open for ever; this is
//! what stands in its place. HTTP/1.1 and HTTP/2 (with prior knowledge) on one port.

mod body;
mod config;
mod connection;
mod watch;
mod wire;

use std::{io, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::Router;
use futures_util::FutureExt;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

pub(crate) use body::BodyTooSlow;
pub use config::ServerConfig;
use connection::Settings;

/// How many connections the kernel holds ready beyond those that are served.
const BACKLOG: u32 = 1024;
/// How long to wait before accepting again when the process or the machine has run out of
/// something; a connection that ends may have freed it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A port that is listened on.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    config: ServerConfig,
}

impl Server {
    /// Listens on an address; port 0 picks a free one. Clients may connect from now on, and are
    /// served by [`serve`](Server::serve). Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// What the kernel says, for instance that the address is in use.
    pub fn bind(address: SocketAddr, config: ServerConfig) -> io::Result<Server> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Connections that a predecessor left in TIME_WAIT do not keep a restart from its port.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Server::from_listener(socket.listen(BACKLOG)?, config))
    }

    /// Serves on a listener that is there already.
    #[must_use]
    pub fn from_listener(listener: TcpListener, config: ServerConfig) -> Server {
        Server { listener, config }
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves the router until `shutdown` is there. From then on nothing is accepted, idle
    /// connections are closed, and requests under way have [`ServerConfig::grace`] to end. Answers
    /// how many connections had to be cut.
    ///
    /// A panic in a handler costs its connection (with HTTP/2, its request) and nothing else.
    /// Dropping the future cuts all connections.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) -> usize {
        let Server { listener, config } = self;
        let settings = Arc::new(Settings::new(&config));
        let ending = CancellationToken::new();
        let mut connections = JoinSet::new();
        let slots = Arc::new(Semaphore::new(
            config.connections_max.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let mut incoming = Incoming {
            listener,
            slots,
            pause: ACCEPT_PAUSE,
        };
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = shutdown.as_mut() => break,
                Some(_) = connections.join_next() => {}
                (stream, slot) = incoming.next() => {
                    let (settings, router) = (Arc::clone(&settings), router.clone());
                    let ending = ending.clone();
                    connections.spawn(async move {
                        let _slot = slot;
                        let serving = AssertUnwindSafe(settings.drive(stream, router, ending));
                        if serving.catch_unwind().await.is_err() {
                            tracing::error!("a handler panicked; its connection is closed");
                        }
                    });
                }
            }
        }
        drop(incoming);
        ending.cancel();
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(config.grace, ended).await.is_ok() {
            return 0;
        }
        let cut = connections.len();
        connections.shutdown().await;
        cut
    }
}

/// The connections that clients open.
struct Incoming {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    pause: Duration,
}

impl Incoming {
    /// The next connection, when there is a slot for it. Giving this up loses no connection.
    async fn next(&mut self) -> (TcpStream, OwnedSemaphorePermit) {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    self.pause = ACCEPT_PAUSE;
                    // Without it a small answer waits for the acknowledgement of the one before.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection was gone before it was served");
                        continue;
                    }
                    return (stream, slot);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }
}

/// Whether an error of `accept` is about the connection that was to be accepted. The others, such
/// as too many open files, would come again at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_files_is_waited_for_and_a_lost_client_is_not() {
        let of = is_of_one_connection;
        assert!(of(&io::ErrorKind::ConnectionAborted.into()));
        for (name, number) in [
            ("EMFILE", 24),
            ("ENFILE", 23),
            ("ENOMEM", 12),
            ("ENOBUFS", 105),
        ] {
            assert!(!of(&io::Error::from_raw_os_error(number)), "{name}");
        }
    }
}
