//! The HTTP server: an accept loop on hyper, with a bound on everything a client may delay.
//!
//! `axum::serve` has no deadlines at all, so that a half-sent request stays open for ever; this is
//! what stands in its place. HTTP/1.1 and HTTP/2 on one port: with prior
//! knowledge, or with TLS by ALPN.

mod body;
mod config;
mod connection;
mod watch;
mod wire;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use axum::Router;
use futures_util::FutureExt;
use kadenza_accept::Acceptor;
use kadenza_tls::{Certificate, Door};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::addresses::{Share, Shares, Source};
pub(crate) use body::BodyTooSlow;
pub use config::ServerConfig;
use connection::Settings;

/// How many connections the kernel holds ready beyond those that are served.
const BACKLOG: u32 = 1024;

/// A port that is listened on.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    config: ServerConfig,
    door: Option<Door>,
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
        Server {
            listener,
            config,
            door: None,
        }
    }

    /// Speaks TLS alone with this certificate: HTTP/2 and HTTP/1.1 by ALPN. A handshake counts as a connection, and
    /// has the time that the head of a request has.
    ///
    /// # Errors
    ///
    /// None with the provider that is built in.
    pub fn with_tls(mut self, certificate: &Certificate) -> io::Result<Server> {
        let door = certificate.door(&[b"h2", b"http/1.1"]);
        self.door = Some(door.map_err(io::Error::other)?);
        Ok(self)
    }

    /// Believes these proxies for whom they ask; see [`ServerConfig::proxies`].
    #[must_use]
    pub fn behind(mut self, proxies: Vec<IpAddr>) -> Server {
        self.config.proxies = proxies;
        self
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
        let Server {
            listener,
            config,
            door,
        } = self;
        let settings = Arc::new(Settings::new(&config, door));
        let ending = CancellationToken::new();
        let mut connections = JoinSet::new();
        let slots = Arc::new(Semaphore::new(
            config.connections_max.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let mut incoming = Incoming {
            acceptor: Acceptor::new(listener),
            slots,
            shares: Shares::new(config.connections_of_one_max),
            proxies: config.proxies.clone(),
        };
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = shutdown.as_mut() => break,
                Some(_) = connections.join_next() => {}
                (stream, peer, place) = incoming.next() => {
                    let (settings, router) = (Arc::clone(&settings), router.clone());
                    let ending = ending.clone();
                    connections.spawn(async move {
                        let _place = place;
                        let serving = AssertUnwindSafe(settings.drive(stream, peer, router, ending));
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
    acceptor: Acceptor,
    slots: Arc<Semaphore>,
    /// What each address has of the slots.
    shares: Arc<Shares>,
    proxies: Vec<IpAddr>,
}

/// The place of a connection among all, and among those of its address.
type Place = (OwnedSemaphorePermit, Option<Share>);

impl Incoming {
    /// The next connection, when there is a slot for it. Giving this up loses no connection.
    async fn next(&mut self) -> (TcpStream, IpAddr, Place) {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            let (stream, peer) = self.acceptor.accept().await;
            let peer = peer.ip().to_canonical();
            let share = match Source::of(peer).filter(|_| !self.proxies.contains(&peer)) {
                None => None,
                Some(source) => match self.shares.try_take(source) {
                    Some(share) => Some(share),
                    None => {
                        tracing::debug!(%peer, "a connection is closed: its address has too many");
                        continue;
                    }
                },
            };
            // Without it a small answer waits for the acknowledgement of the one before.
            match stream.set_nodelay(true) {
                Ok(()) => return (stream, peer, (slot, share)),
                Err(error) => {
                    tracing::debug!(%error, "a connection was gone before it was served");
                }
            }
        }
    }
}
