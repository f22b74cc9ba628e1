//! What does a call between two nodes cost, encrypted and plain, beside the bare socket?
//!
//! Two nodes in one process over loopback, two worker threads. The baseline of each row moves the
//! same bytes over one plain TCP connection, both ways, with nobody parsing anything; the transport
//! uses two connections, JSON, request ids, deadlines and queues.
//!
//! `cargo bench -p kadenza-distributed --bench rpc [-- [SECONDS] [ROWS]]`: each row whose name
//! contains ROWS is measured for so long (default 2), baseline and transports in turns, three times; the
//! best of each is shown. Encrypted is TLS 1.3 between proven nodes; plain is what `--open` leaves.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use kadenza_contract::ContentHash;
use kadenza_distributed::{
    Contact, Key, Reply, Request,
    rpc::{Class, Evidence, Handled, Handler, NodeKey, Peer, PeerId, Rpc, RpcConfig},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

const HARD: Duration = Duration::from_secs(5);
const CHUNK: usize = 256 << 10;
const CONTACTS: u8 = 20;
const ROUNDS: u32 = 3;

fn main() {
    let arguments = || {
        std::env::args()
            .skip(1)
            .filter(|argument| argument != "--bench")
    };
    let seconds = arguments().find_map(|argument| argument.parse::<f64>().ok());
    let wanted = arguments().find(|argument| argument.parse::<f64>().is_err());
    let each = Duration::from_secs_f64(seconds.unwrap_or(2.0) / f64::from(ROUNDS));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("loopback, one process, 2 worker threads, {cores} cores; best of {ROUNDS}\n");
    println!(
        "{:<42} {:>12} {:>12} {:>12} {:>16} {:>12}",
        "", "encrypted", "plain", "bare socket", "encrypted/plain", "plain/bare"
    );
    let rows: [(&str, Kind, usize); 6] = [
        ("ping, 1 in flight (1/s)", Kind::Ping, 1),
        ("ping, 64 in flight (1/s)", Kind::Ping, 64),
        (
            "find node, 20 contacts, 1 in flight (1/s)",
            Kind::FindNode,
            1,
        ),
        (
            "find node, 20 contacts, 64 in flight (1/s)",
            Kind::FindNode,
            64,
        ),
        ("read 256 KiB, 1 in flight (GB/s)", Kind::Read, 1),
        ("read 256 KiB, 8 in flight (GB/s)", Kind::Read, 8),
    ];
    for (name, kind, in_flight) in rows {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted)) {
            continue;
        }
        let (mut proven, mut plain, mut bare) = (0.0, 0.0, 0.0);
        for _ in 0..ROUNDS {
            bare = f64::max(bare, runtime.block_on(socket(kind, in_flight, each)));
            plain = f64::max(
                plain,
                runtime.block_on(transport(kind, in_flight, each, false)),
            );
            proven = f64::max(
                proven,
                runtime.block_on(transport(kind, in_flight, each, true)),
            );
        }
        let [proven, plain, bare] = [proven, plain, bare].map(|calls| match kind {
            Kind::Read => calls * CHUNK as f64 / 1e9,
            Kind::Ping | Kind::FindNode => calls,
        });
        let digits = usize::from(matches!(kind, Kind::Read)) * 2;
        println!(
            "{name:<42} {proven:>12.digits$} {plain:>12.digits$} {bare:>12.digits$} {:>16.2} {:>12.2}",
            proven / plain,
            plain / bare
        );
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Ping,
    FindNode,
    Read,
}

impl Kind {
    fn request(self) -> Request {
        match self {
            Kind::Ping => Request::Ping,
            Kind::FindNode => Request::FindNode { target: key(9) },
            Kind::Read => Request::Read {
                content: ContentHash::from_bytes([1; 32]),
                start: 0,
                end: CHUNK as u64,
            },
        }
    }

    /// How many bytes a request and its reply have on the wire, all told: as the transport does it.
    fn bytes(self) -> (usize, usize) {
        match self {
            Kind::Ping => (147 + 8, 185 + 8),
            Kind::FindNode => (233 + 8, 2240 + 8),
            Kind::Read => (250 + 8, CHUNK + 165 + 8),
        }
    }
}

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Answers from memory, as a node does that keeps its table and the page in memory.
struct Memory {
    contacts: Vec<Contact>,
    chunk: Bytes,
}

impl Handler<Request> for Memory {
    fn heard_from(&self, _peer: Peer, _evidence: Evidence) {}

    fn answered(&self, _peer: &PeerId, _class: Class, _took: Duration) {}

    fn handle(&self, _from: Peer, request: Request, _attachment: Bytes) -> Handled<Reply> {
        Handled::Now(Ok(match request {
            Request::FindNode { .. } => (
                Reply::Nodes {
                    settled: true,
                    nodes: self.contacts.clone(),
                },
                Bytes::new(),
            ),
            Request::Read { .. } => (Reply::Found { found: true }, self.chunk.clone()),
            _ => (
                Reply::Pong {
                    layout: Key::from_bytes([0; 32]),
                    http: None,
                    belongs: true,
                    synced: 0,
                    holds: None,
                    accounts: None,
                },
                Bytes::new(),
            ),
        }))
    }
}

async fn node(byte: u8, is_proven: bool) -> Rpc<Request> {
    let contacts = (0..CONTACTS).map(|number| Contact {
        id: key(number + 100),
        address: SocketAddr::from(([192, 168, 1, number], 45340)),
    });
    let handler = Memory {
        contacts: contacts.collect(),
        chunk: Bytes::from(vec![7; CHUNK]),
    };
    let key = NodeKey::from_secret(&[byte; 32]);
    let config = match is_proven {
        true => RpcConfig::proven(&key, anywhere()),
        false => RpcConfig::new(key.id(), anywhere()),
    };
    let rpc = Rpc::bind(config).await.expect("a listener");
    rpc.serve(Arc::new(handler));
    rpc
}

/// Calls per second.
async fn transport(kind: Kind, in_flight: usize, during: Duration, is_proven: bool) -> f64 {
    let (a, b) = (node(1, is_proven).await, node(2, is_proven).await);
    let to = b.peer();
    let (stop, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut callers = JoinSet::new();
    for _ in 0..in_flight {
        let (rpc, stop, done) = (a.clone(), stop.clone(), done.clone());
        callers.spawn(async move {
            let request = kind.request();
            while !stop.load(Relaxed) {
                let answer = rpc.call(&to, &request, Bytes::new(), HARD).await;
                answer.expect("an answer");
                done.fetch_add(1, Relaxed);
            }
        });
    }
    let rate = rate(&done, during).await;
    stop.store(true, Relaxed);
    callers.join_all().await;
    a.shutdown().await;
    b.shutdown().await;
    rate
}

/// The same bytes over one plain connection; the replies of what is in flight in one write.
async fn socket(kind: Kind, in_flight: usize, during: Duration) -> f64 {
    let (request, reply) = kind.bytes();
    let listener = TcpListener::bind(anywhere()).await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; 64 << 10];
        let replies = vec![7; reply * in_flight];
        let mut pending = 0;
        loop {
            let came = stream.read(&mut buffer).await?;
            if came == 0 {
                return Ok::<(), std::io::Error>(());
            }
            pending += came;
            stream
                .write_all(&replies[..pending / request * reply])
                .await?;
            pending %= request;
        }
    });
    let done = Arc::new(AtomicU64::new(0));
    let counter = done.clone();
    let client = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let requests = vec![7; request * in_flight];
        let mut buffer = vec![0; (64 << 10).max(reply)];
        let (mut sent, mut came) = (in_flight, 0);
        stream.write_all(&requests).await?;
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok::<(), std::io::Error>(()),
                more => came += more,
            }
            let whole = came / reply;
            came %= reply;
            sent -= whole;
            counter.fetch_add(whole as u64, Relaxed);
            let more = in_flight - sent;
            stream.write_all(&requests[..more * request]).await?;
            sent += more;
        }
    });
    let rate = rate(&done, during).await;
    client.abort();
    server.abort();
    rate
}

async fn rate(done: &AtomicU64, during: Duration) -> f64 {
    tokio::time::sleep(during / 10).await;
    let (since, before) = (Instant::now(), done.load(Relaxed));
    tokio::time::sleep(during).await;
    (done.load(Relaxed) - before) as f64 / since.elapsed().as_secs_f64()
}
