//! What does the death of a cache node cost?
//!
//! Songs are asked for one after the other through a cache over Redis servers, and one server is killed
//! (SIGKILL) in the middle. Partitioned over three: answers that fail or are wrong, and lost hits beside
//! those that the slots foretell. Replicated over three: the longest wait for an answer, and how long
//! after the kill an answer was still not remembered that was asked for anew. Beside it, in the same run,
//! what Redis offers itself: a Redis Cluster of three primaries with a replica each, and sentinels over a
//! primary with replicas. Prints tables.

#![expect(clippy::print_stdout, reason = "the tables are the result")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kadenza_integration_tests::fixtures::AudioFile;
use kadenza_servers::{Redis, RedisCluster, RedisSentinel, ServerError};
use kadenza_services::MusicService;
use kadenza_services::{
    Library, MusicServiceExt, SongId, Stated,
    cache::{
        self, Cached, CachedConfig, Capacity, Embedded, Guarded, Partitioned, Patience, Policy,
        Replicated, SlotMap, Store, slot_of,
    },
    library::LibraryConfig,
    notes::{CacheOutcome, Notes},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// How many songs there are, and how many of them are asked for before the kill.
const SONGS: usize = 4_000;
const POPULAR: usize = 601;
/// How long it is watched after the kill.
const WATCHED: Duration = Duration::from_secs(8);
/// How often two answers are asked for: one that was remembered before, and a new one twice.
const EVERY: Duration = Duration::from_millis(10);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    match runtime.block_on(measure()) {
        Ok(()) => {}
        Err(error @ ServerError::NotInstalled { .. }) => eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    }
}

async fn measure() -> Result<(), ServerError> {
    let directory = tempfile::tempdir().expect("a directory");
    let library = Library::open(directory.path(), LibraryConfig::default()).await;
    let library = library.expect("a library");
    let mut songs = Vec::new();
    for n in 0..SONGS {
        let file = AudioFile::named(&format!("Song {n}"), "Artist", "Album").bytes();
        let upload = library.upload_bytes(file, Stated::default()).await;
        songs.push(upload.expect("an upload").song.id());
    }
    let library: Arc<dyn MusicService> = Arc::new(library);

    partitioned(&library, &songs).await?;
    println!(
        "| | failed or wrong | longest wait | last answer not remembered | hits of what was there before | after it came back |"
    );
    println!("|---|---|---|---|---|---|");
    replicated(&library, &songs).await?;
    cluster(&library, &songs).await?;
    sentinels(&library, &songs).await
}

fn key(song: &SongId) -> String {
    format!("kadenza:song:{song}")
}

fn guarded(url: &str) -> Arc<dyn Store> {
    let node = cache::Redis::new(url).expect("a URL");
    Arc::new(Guarded::new(Arc::new(node), Patience::default()))
}

fn cached(library: &Arc<dyn MusicService>, answers: Arc<dyn Store>) -> Cached {
    let capacity = Capacity {
        bytes: 1 << 20,
        entries: 10,
    };
    let covers = Arc::new(Embedded::new("covers", capacity, Policy::default()));
    Cached::new(
        Arc::clone(library),
        answers,
        covers,
        CachedConfig::default(),
    )
}

/// How a question was answered.
struct Asked {
    is_right: bool,
    is_hit: bool,
    took: Duration,
}

async fn ask(service: &Cached, song: &SongId) -> Asked {
    let begun = Instant::now();
    let (answer, notes) = Notes::collect(service.song(song)).await;
    let last = notes.caches.last();
    Asked {
        is_right: matches!(answer, Ok(Some(found)) if found.id() == *song),
        is_hit: last.is_some_and(|note| note.outcome == CacheOutcome::Hit),
        took: begun.elapsed(),
    }
}

async fn partitioned(library: &Arc<dyn MusicService>, songs: &[SongId]) -> Result<(), ServerError> {
    const REQUESTS: usize = 20_000;
    let servers = three()?;
    let nodes = servers.iter().map(|server| guarded(&server.url()));
    let store = Partitioned::over(nodes.collect()).expect("there are nodes");
    let service = cached(library, Arc::new(store));
    let map = SlotMap::over(3);
    let mut dice = StdRng::seed_from_u64(1);
    // The number of a song is the square of chance: some are asked for much more often.
    let load = (0..REQUESTS).map(|_| {
        let at = dice.random_range(0.0..1.0f64).powi(3);
        songs[(at * SONGS as f64) as usize]
    });
    let load: Vec<SongId> = load.collect();
    let (mut wrong, mut longest) = (0, Duration::ZERO);
    let (mut whole, mut foretold, mut measured) = (0, 0, 0);
    let mut seen = std::collections::HashSet::new();
    for (n, song) in load.iter().enumerate() {
        if n == REQUESTS / 2 {
            servers[1].kill();
        }
        let asked = ask(&service, song).await;
        wrong += usize::from(!asked.is_right);
        let would_hit = !seen.insert(song);
        if n >= REQUESTS / 2 {
            let is_lost = map.node_of(key(song).as_bytes()) == 1;
            longest = longest.max(asked.took);
            whole += usize::from(would_hit);
            foretold += usize::from(would_hit && !is_lost);
            measured += usize::from(asked.is_hit);
        }
    }
    let share = |hits: usize| 100.0 * (whole - hits.min(whole)) as f64 / whole as f64;
    println!("partitioned over three Redis servers, one killed after half of {REQUESTS} requests");
    println!(
        "| failed or wrong | hits with all three | foretold by the slots | measured | lost, foretold | lost, measured | longest wait |"
    );
    println!("|---|---|---|---|---|---|---|");
    println!(
        "| {wrong} | {whole} | {foretold} | {measured} | {:.1} % | {:.1} % | {} |\n",
        share(foretold),
        share(measured),
        ms(longest)
    );
    Ok(())
}

fn three() -> Result<Vec<Redis>, ServerError> {
    (0..3).map(|_| Redis::start(&[])).collect()
}

async fn replicated(library: &Arc<dyn MusicService>, songs: &[SongId]) -> Result<(), ServerError> {
    let servers = three()?;
    let nodes = servers.iter().map(|server| {
        let node = cache::Redis::new(&server.url()).expect("a URL");
        Arc::new(node) as Arc<dyn Store>
    });
    let store = Replicated::over(nodes.collect(), Patience::default());
    let store = Arc::new(store.expect("there are nodes"));
    let service = cached(library, Arc::clone(&store) as Arc<dyn Store>);
    let first = store.primary();
    let mut watched = watch(&service, songs, |_| true, || servers[0].kill()).await;
    let second = store.primary();
    assert_ne!(first, second, "a replica took over");

    // It comes back with nothing, as a replica.
    servers[0].restart()?;
    let begun = Instant::now();
    let (mut hits, mut requests) = (0, 0);
    while begun.elapsed() < Duration::from_secs(3) {
        let asked = ask(&service, &songs[requests % POPULAR]).await;
        watched.wrong += usize::from(!asked.is_right);
        hits += usize::from(asked.is_hit);
        requests += 1;
    }
    assert_eq!(second, store.primary(), "the old primary is a replica");
    let returned = servers[0].tell("DBSIZE")?;
    let back = format!(
        "{:.2} % of {requests}; it has {} entries again",
        100.0 * hits as f64 / requests as f64,
        returned.trim().trim_start_matches(':')
    );
    watched.print("Kadenza, replicated over three", &back);
    Ok(())
}

async fn cluster(library: &Arc<dyn MusicService>, songs: &[SongId]) -> Result<(), ServerError> {
    let servers = RedisCluster::start(3)?;
    let service = cached(library, guarded(&servers.url()));
    // The slots of the second of three.
    let of_victim = |song: &SongId| (5_461..10_922).contains(&slot_of(key(song).as_bytes()));
    let watched = watch(&service, songs, of_victim, || servers.primaries[1].kill()).await;
    watched.print("Redis Cluster, keys of the dead primary", "");
    Ok(())
}

async fn sentinels(library: &Arc<dyn MusicService>, songs: &[SongId]) -> Result<(), ServerError> {
    let servers = RedisSentinel::start()?;
    let service = cached(library, guarded(&servers.url()));
    let watched = watch(&service, songs, |_| true, || servers.primary.kill()).await;
    watched.print("Redis with sentinels", "");
    Ok(())
}

/// The measurements after a kill.
struct Watched {
    wrong: usize,
    longest: Duration,
    /// When a new answer was asked for a second time, and still not remembered, for the last time.
    forgotten: Option<Duration>,
    /// Of what was remembered before the kill.
    hits: usize,
    asked: usize,
}

impl Watched {
    fn print(&self, name: &str, back: &str) {
        let forgotten = self
            .forgotten
            .map_or("none".to_owned(), |at| format!("{} after the kill", ms(at)));
        println!(
            "| {name} | {} | {} | {forgotten} | {:.1} % | {back} |",
            self.wrong,
            ms(self.longest),
            100.0 * self.hits as f64 / self.asked as f64
        );
    }
}

/// Asks for songs before and after a kill; only for those that count.
async fn watch(
    service: &Cached,
    songs: &[SongId],
    counts: impl Fn(&SongId) -> bool,
    kill: impl FnOnce(),
) -> Watched {
    let (popular, new) = songs.split_at(POPULAR);
    let popular: Vec<&SongId> = popular.iter().filter(|song| counts(song)).collect();
    let mut new = new.iter().filter(|song| counts(song));
    // All of them are remembered when the server is killed.
    let ready = Instant::now();
    loop {
        let mut hits = 0;
        for song in &popular {
            hits += usize::from(ask(service, song).await.is_hit);
        }
        if hits == popular.len() {
            break;
        }
        assert!(ready.elapsed() < Duration::from_secs(30), "the cache works");
    }
    let mut watched = Watched {
        wrong: 0,
        longest: Duration::ZERO,
        forgotten: None,
        hits: 0,
        asked: 0,
    };
    kill();
    let killed = Instant::now();
    let mut ticks = tokio::time::interval(EVERY);
    for song in popular.iter().cycle() {
        ticks.tick().await;
        let asked = ask(service, song).await;
        watched.asked += 1;
        watched.hits += usize::from(asked.is_hit);
        let mut all = vec![asked];
        if let Some(song) = new.next() {
            all.push(ask(service, song).await);
            let at = killed.elapsed();
            let again = ask(service, song).await;
            if !again.is_hit {
                watched.forgotten = Some(at);
            }
            all.push(again);
        }
        for asked in all {
            watched.wrong += usize::from(!asked.is_right);
            watched.longest = watched.longest.max(asked.took);
        }
        if killed.elapsed() > WATCHED {
            break;
        }
    }
    watched
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
