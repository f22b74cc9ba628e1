//! Servers that do what they are told: an HTTP/1.1 server written for its faults. It speaks the
//! part of the interface that the middleware uses, over one shared in-memory service, and can
//! refuse, hang, cut, stall and lie at any byte.
//!
//! Tests that wait run on paused time, which leaps ahead whenever nothing can go on. They must send
//! little enough at once to fit into a socket: while the system moves more than that, nothing can
//! go on for a moment either.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test whose server is in trouble shall fail"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use kadenza_middleware::{Client, ClientConfig};
use parking_lot::Mutex;
use tokio::{net::TcpListener, task::JoinHandle};

mod fault;
mod http;
mod state;

pub use fault::Fault;
use state::Inner;
#[allow(unused_imports, reason = "each test file uses a part of it")]
pub use state::{Music, Request, song_json};

/// A server. Dropped, it is gone.
pub struct Server {
    pub url: String,
    address: SocketAddr,
    inner: Arc<Inner>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    pub async fn start(music: &Arc<Music>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server {
            url: format!("http://{address}"),
            address,
            inner: Arc::new(Inner {
                music: Arc::clone(music),
                faults: Mutex::new(Box::new(|_| Fault::None)),
                seen: Mutex::default(),
                listed: Mutex::default(),
                connections: Mutex::default(),
                sent: AtomicUsize::new(0),
            }),
            accepting: Mutex::new(None),
        };
        server.accept(listener);
        server
    }

    fn accept(&self, listener: TcpListener) {
        let inner = Arc::clone(&self.inner);
        *self.accepting.lock() = Some(tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = tokio::spawn(http::serve(connection, Arc::clone(&inner)));
                inner.connections.lock().push(serving);
            }
        }));
    }

    /// From now on, what it does with each request.
    pub fn on(&self, faults: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.inner.faults.lock() = Box::new(faults);
    }

    /// The first request that fits meets the fault; the others are answered.
    pub fn once(&self, fits: fn(&Request) -> bool, fault: Fault) {
        let mut fault = Some(fault);
        self.on(move |request| {
            if fits(request) {
                fault.take().unwrap_or_default()
            } else {
                Fault::None
            }
        });
    }

    /// Each request that fits meets the fault.
    pub fn always(&self, fits: fn(&Request) -> bool, fault: Fault) {
        self.on(move |request| {
            if fits(request) {
                fault.clone()
            } else {
                Fault::None
            }
        });
    }

    /// What it answers when asked for the servers that it knows.
    pub fn list(&self, servers: Vec<String>) {
        *self.inner.listed.lock() = servers;
    }

    /// What it was asked, probes and learning left out.
    pub fn seen(&self) -> Vec<Request> {
        let seen = self.inner.seen.lock();
        let aside = |r: &&Request| !r.is_health() && r.path != "/api/v1/servers";
        seen.iter().filter(aside).cloned().collect()
    }

    /// All that it was asked.
    pub fn seen_all(&self) -> Vec<Request> {
        self.inner.seen.lock().clone()
    }

    /// How many probes came.
    pub fn probes(&self) -> usize {
        self.inner
            .seen
            .lock()
            .iter()
            .filter(|request| request.is_health())
            .count()
    }

    /// How many bytes of bodies the system has taken off its hands.
    pub fn sent(&self) -> usize {
        self.inner.sent.load(Relaxed)
    }

    /// How many connections it has had.
    pub fn connections(&self) -> usize {
        self.inner.connections.lock().len()
    }

    /// Dies at once: connections are cut and refused from now on.
    pub fn kill(&self) {
        if let Some(accepting) = self.accepting.lock().take() {
            accepting.abort();
        }
        for connection in self.inner.connections.lock().drain(..) {
            connection.abort();
        }
    }

    /// Comes back at the same address.
    pub async fn revive(&self) {
        eventually("the address is free again", || async {
            match TcpListener::bind(self.address).await {
                Ok(listener) => {
                    self.accept(listener);
                    true
                }
                Err(_) => false,
            }
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A client of these servers that hurries, learns nothing and hedges nothing.
pub fn client(servers: &[&Server]) -> Client {
    client_with(servers, |_| {})
}

/// The same with other settings.
pub fn client_with(servers: &[&Server], set: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = ClientConfig::default();
    config.learn_every = None;
    config.hedge = false;
    set(&mut config);
    Client::new(servers.iter().map(|server| &server.url), config).unwrap()
}

/// Waits until something holds, for at most a minute.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..6000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came about that {what}");
}

/// Audio that is different at every place.
pub fn audio(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect()
}
