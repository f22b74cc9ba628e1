//! How fast does a node find the k closest nodes to a key among 50 nodes over loopback TCP, and
//! what does it cost when a tenth of them keep their sockets open and say nothing?
//!
//! Run by `cargo bench -p kadenza-distributed --bench lookup`. The baseline in the same run is one
//! bare request to one node: a lookup of k nodes cannot cost less than twenty of them.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::{
    collections::HashSet,
    future::Future,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use kadenza_distributed::{
    Beginning, Key, Node, NodeConfig,
    trust::{ClusterKey, Trust},
};
use kadenza_library::{Library, LibraryConfig};
use tokio::{io::AsyncReadExt, net::TcpListener};

const NODES: usize = 50;
const SILENT: usize = NODES / 10;
const LOOKUPS: usize = 500;
const K: usize = 20;

#[tokio::main]
async fn main() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut nodes = Vec::new();
    let began = Instant::now();
    for number in 0..NODES {
        let directory = data.path().join(number.to_string());
        let library = Library::open(&directory, LibraryConfig::default())
            .await
            .expect("a library");
        let mut config = NodeConfig::new(&directory);
        config.trust = Trust::ClusterKey(ClusterKey::from_secret(&[1; 32]));
        let first = nodes.first();
        let first = first.map(|node: &Node| node.rpc_address().to_string());
        config.beginning = Beginning::through(first);
        nodes.push(Node::start(library, config).await.expect("a node"));
    }
    println!(
        "{NODES} nodes joined one after the other in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    // The pings by which newcomers are met go on for a moment.
    tokio::time::sleep(Duration::from_secs(3)).await;

    println!(
        "\n{:<34} {:>9} {:>8} {:>8} {:>9} {:>7}",
        "", "per s", "p50 ms", "p99 ms", "requests", "found"
    );
    baseline(&nodes).await;
    measure("all answer, 1 in flight", &nodes, &nodes, 1).await;
    measure("all answer, 32 in flight", &nodes, &nodes, 32).await;

    let silent: Vec<Node> = nodes.drain(NODES - SILENT..).collect();
    for node in silent {
        let address = node.rpc_address();
        node.shutdown().await;
        tokio::spawn(say_nothing(
            TcpListener::bind(address)
                .await
                .expect("the silent node's port"),
        ));
    }
    measure("a tenth silent, at once", &nodes, &nodes, 1).await;
    println!("(a minute passes)");
    tokio::time::sleep(Duration::from_secs(60)).await;
    measure("a tenth silent, a minute later", &nodes, &nodes, 1).await;
    measure("the same, 32 in flight", &nodes, &nodes, 32).await;
}

async fn say_nothing(listener: TcpListener) {
    while let Ok((mut socket, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut ignored = [0; 4096];
            while socket.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
        });
    }
}

async fn baseline(nodes: &[Node]) {
    let mut times = Vec::new();
    let began = Instant::now();
    for number in 0..LOOKUPS {
        // A lookup of one node ends with the answer of the closest known one.
        let target = nodes[(number + 1) % nodes.len()].id();
        times.push(timed(nodes[number % nodes.len()].lookup(target, 1)).await.1);
    }
    row(
        "one node only (baseline)",
        began.elapsed(),
        &mut times,
        1.0,
        1.0,
    );
}

async fn measure(name: &str, askers: &[Node], alive: &[Node], in_flight: usize) {
    let ids: Vec<Key> = alive.iter().map(Node::id).collect();
    let began = Instant::now();
    let done: Vec<_> = stream::iter(0..LOOKUPS)
        .map(|number| {
            let asker = &askers[number % askers.len()];
            async move {
                let target = Key::from_bytes(rand::random());
                let ((found, asked), took) = timed(asker.lookup(target, K)).await;
                (asker.id(), target, found, asked, took)
            }
        })
        .buffer_unordered(in_flight)
        .collect()
        .await;
    let took = began.elapsed();
    let (mut right, mut requests, mut times) = (0, 0, Vec::new());
    for (asker, target, found, asked, took) in done {
        let mut closest: Vec<Key> = ids.iter().filter(|id| **id != asker).copied().collect();
        closest.sort_by_key(|id| id.distance(&target));
        closest.truncate(K);
        let found: HashSet<Key> = found.into_iter().collect();
        right += closest.iter().filter(|id| found.contains(id)).count();
        requests += asked;
        times.push(took);
    }
    let share = right as f64 / (LOOKUPS * K) as f64;
    row(
        name,
        took,
        &mut times,
        requests as f64 / LOOKUPS as f64,
        share,
    );
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

fn row(name: &str, took: Duration, times: &mut [Duration], requests: f64, share: f64) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{name:<34} {:>9.0} {:>8.2} {:>8.2} {requests:>9.1} {share:>7.3}",
        times.len() as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99),
    );
}
