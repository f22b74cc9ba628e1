//! What do uploads, lists, listening and joining cost in networks of 3 to 32 nodes on one machine, and what does an
//! upload cost as there is more and more in the network?
//!
//! Run by `cargo bench -p kadenza-distributed --bench network`, or behind `--` a part of it: `uploads`, `listening`,
//! `joining`, `idle` or `cards`. The baselines in the same run: the library alone, for
//! all nodes together that is what the disk and the processor of this machine can do; and a network that has nothing.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use kadenza_contract::{
    AudioRequest, ContentHash, Format, MusicService, NewSong, Query, Recording, Song, SongId,
    Stated, Tags,
};
use kadenza_distributed::{
    Beginning, Node, NodeConfig,
    trust::{ClusterKey, Trust},
};
use kadenza_library::{Library, LibraryConfig};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

const SIZES: [usize; 4] = [3, 8, 16, 32];
const UPLOADS: usize = 150;
const LISTS: usize = 200;
/// A song for listening, in bytes.
const LONG: usize = 64 << 20;
const CARDS: [usize; 4] = [0, 1_000, 100_000, 1_000_000];

#[tokio::main]
async fn main() {
    let parts: Vec<String> = std::env::args().skip(1).collect();
    let parts: Vec<&String> = parts.iter().filter(|part| !part.starts_with('-')).collect();
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| *wanted == part);
    if is_wanted("uploads") {
        uploads().await;
    }
    if is_wanted("listening") {
        listening().await;
    }
    if is_wanted("joining") {
        joining().await;
    }
    if is_wanted("idle") {
        idle().await;
    }
    if is_wanted("cards") {
        println!(
            "\n{:<22} {:>9} {:>14}",
            "cards on each of 3", "p50 ms", "processor ms"
        );
        for cards in CARDS {
            with_cards(cards).await;
        }
    }
}

async fn uploads() {
    println!(
        "{:<22} {:>9} {:>9} {:>12} {:>9}",
        "", "p50 ms", "p90 ms", "16 at once/s", "list ms"
    );
    let directory = TempDir::new().expect("a temporary directory");
    let library = Library::open(directory.path(), LibraryConfig::default()).await;
    measure("the library alone", &[library.expect("a library")]).await;
    for size in SIZES {
        let (_data, nodes, _) = network(size, false).await;
        measure(&format!("{size} nodes"), &nodes).await;
    }
}

async fn joining() {
    println!("\n{:<22} {:>9}", "joining at once", "s");
    for size in [16, 50] {
        let (_data, _nodes, took) = network(size, true).await;
        println!("{:<22} {took:>9.2}", format!("{size} nodes"));
    }
}

/// Nodes that have joined one after the other, or all at once; and how many seconds passed until all belonged to the
/// network, once their libraries were open.
async fn network(size: usize, at_once: bool) -> (TempDir, Vec<Node>, f64) {
    let data = TempDir::new().expect("a temporary directory");
    for number in 0..size {
        open(&data, number).await.close().await;
    }
    let first = start(&data, 0, None).await;
    let join = Some(first.rpc_address().to_string());
    let mut nodes = vec![first];
    let mut libraries = Vec::new();
    for number in 1..size {
        libraries.push(open(&data, number).await);
    }
    let began = Instant::now();
    let starts = libraries.into_iter().zip(1..);
    let starts = starts.map(|(library, number)| start_over(library, &data, number, join.clone()));
    match at_once {
        true => nodes.extend(future::join_all(starts).await),
        false => {
            for start in starts {
                nodes.push(start.await);
            }
        }
    }
    for node in &nodes {
        assert!(
            node.settled(Duration::from_secs(120)).await,
            "a node settles"
        );
    }
    (data, nodes, began.elapsed().as_secs_f64())
}

async fn open(data: &TempDir, number: usize) -> Library {
    let directory = data.path().join(number.to_string());
    let library = Library::open(&directory, LibraryConfig::default()).await;
    library.expect("a library")
}

async fn start(data: &TempDir, number: usize, join: Option<String>) -> Node {
    start_over(open(data, number).await, data, number, join).await
}

async fn start_over(library: Library, data: &TempDir, number: usize, join: Option<String>) -> Node {
    let mut config = NodeConfig::new(data.path().join(number.to_string()));
    config.trust = Trust::ClusterKey(ClusterKey::from_secret(&[1; 32]));
    config.beginning = Beginning::through(join);
    Node::start(library, config).await.expect("a node")
}

/// A mono WAV of so many bytes of noise, the same for the same number.
fn wav(number: usize, bytes: usize) -> Bytes {
    let mut file = Vec::with_capacity(bytes + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes as u32).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&44_100_u32.to_le_bytes());
    file.extend_from_slice(&88_200_u32.to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&(bytes as u32).to_le_bytes());
    let mut noise = blake3::Hasher::new();
    noise.update(&number.to_be_bytes());
    let mut audio = vec![0; bytes];
    noise.finalize_xof().fill(&mut audio);
    file.extend_from_slice(&audio);
    file.into()
}

async fn upload(service: &impl MusicService, number: usize, bytes: usize) -> SongId {
    let stated = Stated {
        title: Some(format!("Measure {number:x}")),
        artists: vec!["The Benchmark".into()],
        album: Some("Costs of a network".into()),
        ..Stated::default()
    };
    let audio = stream::iter([Ok(wav(number, bytes))]).boxed();
    let upload = service.upload(NewSong { stated, audio }).await;
    upload.expect("an upload").song.id()
}

async fn timed<T>(work: impl Future<Output = T>) -> f64 {
    let began = Instant::now();
    work.await;
    began.elapsed().as_secs_f64() * 1e3
}

fn at(times: &mut [f64], share: f64) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * share) as usize]
}

async fn measure(name: &str, nodes: &[impl MusicService]) {
    let of = |number: usize| &nodes[number % nodes.len()];
    let mut times = Vec::new();
    for number in 0..UPLOADS {
        times.push(timed(upload(of(number), number, 20_000)).await);
    }
    let began = Instant::now();
    stream::iter(UPLOADS..4 * UPLOADS)
        .for_each_concurrent(16, |number| async move {
            upload(of(number), number, 20_000).await;
        })
        .await;
    let per_s = (3 * UPLOADS) as f64 / began.elapsed().as_secs_f64();
    let query = Query::all();
    let mut lists = Vec::new();
    for number in 0..LISTS {
        lists.push(timed(of(number).search(&query)).await);
    }
    println!(
        "{name:<22} {:>9.2} {:>9.2} {per_s:>12.0} {:>9.2}",
        at(&mut times, 0.5),
        at(&mut times, 0.9),
        at(&mut lists, 0.5)
    );
}

async fn listening() {
    println!("\n{:<22} {:>9} {:>9}", "MB/s", "holder", "another");
    let (_data, nodes, _) = network(8, false).await;
    let id = upload(&nodes[0], 0, LONG).await;
    let mut speeds = Vec::new();
    for node in &nodes {
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let heard = async {
                let audio = node.audio(&AudioRequest::whole(id)).await;
                let mut stream = audio.expect("an answer").expect("a song").stream;
                let mut bytes = 0;
                while let Some(piece) = stream.try_next().await.expect("audio") {
                    bytes += piece.len();
                }
                assert_eq!(bytes, LONG + 44, "all of it");
            };
            best = best.min(timed(heard).await);
        }
        speeds.push(LONG as f64 / 1e3 / best);
    }
    speeds.sort_unstable_by(f64::total_cmp);
    println!(
        "{:<22} {:>9.0} {:>9.0}",
        "64 MB, 8 nodes",
        speeds[speeds.len() - 1],
        speeds[0]
    );
}

/// A card of a song that is known to all.
fn card(number: usize) -> Song {
    Song::new(Recording {
        content: ContentHash::of(&number.to_be_bytes()),
        format: Format::Mp3,
        size: 5_000_000,
        duration_ms: Some(200_000),
        bit_rate: Some(200_000),
        tags: Tags::new(
            &format!("Track {number:x}"),
            &format!("Artist {}", number % 20_000),
            "Many",
        )
        .expect("a title"),
        has_artwork: false,
        added_at: Default::default(),
        reader: 0,
    })
}

/// What nodes say to each other that have nothing to say, as the loopback device counts it: with the heads of TCP and IP,
/// and with whatever else uses that device.
async fn idle() {
    const SIZE: usize = 8;
    const FOR: Duration = Duration::from_secs(240);
    println!(
        "\n{:<22} {:>18} {:>16}",
        "8 nodes at rest", "bytes/pair/minute", "MB/node/hour"
    );
    let (_data, nodes, _) = network(SIZE, false).await;
    for songs in [0, 200] {
        for number in 0..songs {
            upload(&nodes[number % SIZE], number, 20_000).await;
        }
        // Until a minute has passed in which nothing happened.
        tokio::time::sleep(Duration::from_secs(90)).await;
        let (before, began) = (loopback_bytes(), Instant::now());
        tokio::time::sleep(FOR).await;
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        let per_minute = (loopback_bytes() - before) as f64 / minutes;
        println!(
            "{:<22} {:>18.0} {:>16.2}",
            format!("{songs} songs"),
            per_minute / (SIZE * (SIZE - 1) / 2) as f64,
            per_minute * 60.0 / SIZE as f64 / 1e6
        );
    }
}

fn loopback_bytes() -> u64 {
    let devices = std::fs::read_to_string("/proc/net/dev").expect("the devices of the network");
    let line = devices
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    let sent = line.and_then(|line| line.split_whitespace().nth(8)?.parse().ok());
    sent.expect("a loopback device")
}

async fn with_cards(cards: usize) {
    let data = TempDir::new().expect("a temporary directory");
    for number in 0..3 {
        let library = open(&data, number).await;
        let all: Vec<usize> = (0..cards).collect();
        for batch in all.chunks(10_000) {
            let songs = batch.iter().map(|number| card(*number)).collect();
            library.add_cards(songs).await.expect("room for cards");
        }
        library.close().await;
    }
    let mut nodes = vec![start(&data, 0, None).await];
    let join = Some(nodes[0].rpc_address().to_string());
    for number in 1..3 {
        nodes.push(start(&data, number, join.clone()).await);
    }
    for node in &nodes {
        assert!(
            node.settled(Duration::from_secs(600)).await,
            "a node settles"
        );
    }
    // What is idle costs something, too, and what was to be done after the start may be under way still.
    let before = idle_a_ms().await;
    let (used, began) = (processor_ms(), Instant::now());
    let mut times = Vec::new();
    for number in 0..UPLOADS {
        times.push(timed(upload(&nodes[number % 3], number, 20_000)).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let took = began.elapsed().as_secs_f64() * 1e3;
    let used = processor_ms() - used;
    let each = (used - before.min(idle_a_ms().await) * took) / UPLOADS as f64;
    println!("{cards:<22} {:>9.2} {each:>14.2}", at(&mut times, 0.5));
}

/// The processor time that passes in a millisecond while nothing is asked, in milliseconds.
async fn idle_a_ms() -> f64 {
    let (used, began) = (processor_ms(), Instant::now());
    tokio::time::sleep(Duration::from_secs(5)).await;
    (processor_ms() - used) / began.elapsed().as_secs_f64() / 1e3
}

/// The processor time of this process, in milliseconds.
fn processor_ms() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 * 1e3 + used.tv_nsec as f64 / 1e6
}
