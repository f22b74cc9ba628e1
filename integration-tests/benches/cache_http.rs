//! What is a hit worth over HTTP?
//!
//! One client asks for searches and songs over HTTP, through the views: without a cache, through a cache
//! that lacks the answer, and through one that has it, in this process or on a Redis server. Below is the
//! embedded library, and a library on PostgreSQL behind gRPC. Each question is different, and asked in
//! the same order everywhere. Prints p50 and p99 in milliseconds, and how many times a hit is faster than
//! the same without a cache.

#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    stacks::{Backend, Backends},
};
use kadenza_servers::{Postgres, Redis, ServerError};
use kadenza_services::{
    Library, MusicService, MusicServiceExt, SongId, Stated,
    cache::{self, Cached, CachedConfig, Capacity, Embedded, Guarded, Patience, Policy, Store},
    grpc,
    library::LibraryConfig,
};
use kadenza_views::{Server, ServerConfig, ViewsConfig, router};

/// How many songs there are, and how many questions of each kind.
const SONGS: usize = 3_000;
const QUESTIONS: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    println!("{SONGS} songs, {QUESTIONS} different questions one after the other; p50 / p99 in ms");
    println!("| below | question | no cache | miss | hit, embedded | hit, Redis | faster, p50 |");
    println!("|---|---|---|---|---|---|---|");
    let directory = tempfile::tempdir().expect("a directory");
    let library = Library::open(directory.path(), LibraryConfig::default()).await;
    let library: Arc<dyn MusicService> = Arc::new(library.expect("a library"));
    compare("embedded library", library).await;

    let server = match Postgres::start(true) {
        Ok(server) => server,
        Err(error @ ServerError::NotInstalled { .. }) => return eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let backends = Backends::start(&server, 1).await.expect("a library");
    let library = Arc::new(backends.libraries[0].clone());
    let backend = Backend::start(library, grpc::ServerConfig::default()).await;
    let backend = backend.expect("a backend");
    let client = backend
        .client(grpc::ClientConfig::default())
        .expect("a client");
    compare("PostgreSQL behind gRPC", Arc::new(client)).await;
    backend.stop().await;
}

async fn compare(name: &str, below: Arc<dyn MusicService>) {
    let songs = fill(&*below).await;
    let [searches, ids] = questions(&songs);
    for (kind, paths) in [("search", searches), ("song", ids)] {
        let alone = Http::start(Arc::clone(&below)).await;
        // The first connections and plans are not what is measured.
        alone.times(&paths[..50], None).await;
        let alone = alone.times(&paths, None).await;
        let embedded = through(&below, embedded(), &paths).await;
        let redis = match Redis::start(&[]) {
            Ok(server) => Some(through(&below, on(&server), &paths).await),
            Err(error) => {
                eprintln!("skipped: {error}");
                None
            }
        };
        let [misses, hits] = embedded;
        let on_redis = redis.map(|[_, hits]| hits);
        let faster = |hits: &Times| format!("{:.1}", alone.at(0.5) / hits.at(0.5));
        println!(
            "| {name} | {kind} | {alone} | {misses} | {hits} | {} | {}, {} |",
            on_redis
                .as_ref()
                .map_or("none".to_owned(), ToString::to_string),
            faster(&hits),
            on_redis.as_ref().map_or("none".to_owned(), faster),
        );
    }
}

/// The times of the misses and of the hits after them.
async fn through(
    below: &Arc<dyn MusicService>,
    answers: Arc<dyn Store>,
    paths: &[String],
) -> [Times; 2] {
    // It is a longer time than a measurement takes.
    let config = CachedConfig {
        lists: Duration::from_secs(600),
        ..CachedConfig::default()
    };
    let cached = Cached::new(Arc::clone(below), answers, embedded(), config);
    let http = Http::start(Arc::new(cached)).await;
    [
        http.times(paths, Some("fwd=miss")).await,
        http.times(paths, Some("; hit")).await,
    ]
}

fn embedded() -> Arc<dyn Store> {
    let capacity = Capacity {
        bytes: 64 << 20,
        entries: 100_000,
    };
    Arc::new(Embedded::new("embedded", capacity, Policy::default()))
}

fn on(server: &Redis) -> Arc<dyn Store> {
    let node = cache::Redis::new(&server.url()).expect("a URL");
    Arc::new(Guarded::new(Arc::new(node), Patience::default()))
}

async fn fill(library: &dyn MusicService) -> Vec<SongId> {
    let upload = |n: usize| async move {
        let file = AudioFile::named(&title(n), &format!("Artist {}", n % 100), "Album");
        let upload = library.upload_bytes(file.bytes(), Stated::default()).await;
        upload.expect("an upload").song.id()
    };
    stream::iter((0..SONGS).map(upload))
        .buffered(8)
        .collect()
        .await
}

/// Three words from lists of forty, so that two of them are the title of a few songs.
fn title(n: usize) -> String {
    let word = |n: usize| {
        let letters = b"bdfghjklmnprstvz";
        let at = |n: usize| char::from(letters[n % letters.len()]);
        format!("{}a{}o{}", at(n), at(n / 3), at(n * 7))
    };
    format!(
        "{} {} {}",
        word(n % 37),
        word(100 + n / 37 % 41),
        word(n / 7)
    )
}

fn questions(songs: &[SongId]) -> [Vec<String>; 2] {
    let searches = (0..QUESTIONS).map(|n| {
        let title = title(n);
        let words: Vec<&str> = title.split(' ').take(2).collect();
        format!("/api/v1/songs?q={}&limit=20", words.join("+"))
    });
    let ids = songs.iter().take(QUESTIONS);
    let ids = ids.map(|id| format!("/api/v1/songs/{id}"));
    [searches.collect(), ids.collect()]
}

/// A server over a service, and one client with one connection.
struct Http {
    base: String,
    client: reqwest::Client,
    task: tokio::task::JoinHandle<usize>,
}

impl Http {
    async fn start(service: Arc<dyn MusicService>) -> Http {
        let loopback = ([127, 0, 0, 1], 0).into();
        let server = Server::bind(loopback, ServerConfig::default()).expect("a port");
        let base = format!("http://{}", server.local_addr().expect("a port"));
        let service = router(service, ViewsConfig::default());
        let task = tokio::spawn(server.serve(service, std::future::pending()));
        Http {
            base,
            client: kadenza_integration_tests::http::client()
                .build()
                .expect("a client"),
            task,
        }
    }

    /// Asks all questions; each answer must say this of the cache.
    async fn times(&self, paths: &[String], said: Option<&str>) -> Times {
        let mut times = Vec::new();
        for path in paths {
            let begun = Instant::now();
            let asked = self.client.get(format!("{}{path}", self.base)).send();
            let answer = asked.await.expect("an answer");
            let status = answer.headers().get("cache-status").cloned();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            let body = answer.bytes().await.expect("an answer");
            times.push(begun.elapsed());
            assert!(body.len() > 100, "a song is in it: {body:?}");
            let status = status.as_ref().and_then(|status| status.to_str().ok());
            match said {
                Some(said) => assert!(
                    status.is_some_and(|status| status.contains(said)),
                    "{path}: {status:?}"
                ),
                None => assert_eq!(status, None),
            }
        }
        times.sort_unstable();
        Times(times)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// In order.
struct Times(Vec<Duration>);

impl Times {
    /// The time of this part of the answers, in milliseconds.
    fn at(&self, part: f64) -> f64 {
        let at = ((self.0.len() - 1) as f64 * part).round() as usize;
        self.0[at].as_secs_f64() * 1e3
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} / {:.2}", self.at(0.5), self.at(0.99))
    }
}
