//! What does it cost that the library is in another process?
//!
//! The same library of 2,000 songs, asked directly and over gRPC on loopback: songs and searches
//! (pages of 20), 1 and 16 in flight; then whole files of 8 MB, heard and uploaded, 1 and 4 at once.
//! Client and server share this process and its two threads, and so both their work is counted.

use std::{
    future::Future,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use kadenza_contract::{AudioRequest, MusicService, MusicServiceExt, Query, SongId, Stated};
use kadenza_grpc::{Client, ClientConfig, ServerConfig};
use kadenza_library::{Library, LibraryConfig};
use tokio::net::TcpListener;

const SONGS: usize = 2_000;
/// The audio of a song that is only looked for, in bytes.
const SMALL_BYTES: usize = 1_000;
const FILE_BYTES: usize = 8_000_000;
const FILES: usize = 8;
/// How long each row is measured.
const MEASURED: Duration = Duration::from_secs(3);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(compare());
}

async fn compare() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = Library::open(directory.path(), LibraryConfig::default())
        .await
        .expect("a library");
    let ids: Vec<SongId> = stream::iter(0..SONGS)
        .map(|number| {
            let upload = library.upload_bytes(wav(number, SMALL_BYTES), named(number));
            async move { upload.await.expect("an upload").song.id() }
        })
        .buffer_unordered(32)
        .collect()
        .await;
    let mut files = Vec::new();
    for number in 0..FILES {
        let upload = library.upload_bytes(wav(number, FILE_BYTES), stated("file", number));
        files.push(upload.await.expect("an upload").song.id());
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let offered: Arc<dyn MusicService> = Arc::new(library.clone());
    let config = ServerConfig::default();
    tokio::spawn(kadenza_grpc::serve(
        offered,
        listener,
        config,
        std::future::pending(),
    ));
    let client = Client::new("127.0.0.1", address.port(), ClientConfig::default());
    let here: Arc<dyn MusicService> = Arc::new(library);
    let there: Arc<dyn MusicService> = Arc::new(client.expect("an address"));

    say("", "here", "over gRPC", "ratio");
    for at_once in [1, 16] {
        let ask = |service: Arc<dyn MusicService>| {
            let ids = ids.clone();
            per_second(at_once, move |n| {
                let (service, id) = (Arc::clone(&service), ids[n * 7919 % ids.len()]);
                async move { black_box(service.song(&id).await.expect("an answer")).is_some() }
            })
        };
        row(
            &format!("song, {at_once} in flight [1/s]"),
            ask(here.clone()).await,
            ask(there.clone()).await,
        );
    }
    for at_once in [1, 16] {
        let ask = |service: Arc<dyn MusicService>| {
            per_second(at_once, move |n| {
                let service = Arc::clone(&service);
                let query = Query::words(WORDS[n % WORDS.len()]).expect("words");
                async move {
                    let page = service.search(&query).await.expect("an answer");
                    black_box(page.items.len()) > 0
                }
            })
        };
        row(
            &format!("search, {at_once} in flight [1/s]"),
            ask(here.clone()).await,
            ask(there.clone()).await,
        );
    }
    for at_once in [1, 4] {
        let ask = |service: Arc<dyn MusicService>| {
            let files = files.clone();
            per_second(at_once, move |n| {
                let (service, id) = (Arc::clone(&service), files[n % files.len()]);
                async move {
                    let request = AudioRequest::whole(id);
                    let audio = service.audio(&request).await.expect("an answer");
                    let mut stream = audio.expect("it is there").stream;
                    let mut bytes = 0;
                    while let Some(piece) = stream.next().await {
                        bytes += black_box(piece.expect("whole audio")).len();
                    }
                    bytes > FILE_BYTES
                }
            })
        };
        let mb = FILE_BYTES as f64 / 1e6;
        row(
            &format!("audio, {at_once} at once [MB/s]"),
            ask(here.clone()).await * mb,
            ask(there.clone()).await * mb,
        );
    }
    let file = wav(999, FILE_BYTES);
    for at_once in [1, 4] {
        let ask = |service: Arc<dyn MusicService>, what: &'static str| {
            let file = file.clone();
            per_second(at_once, move |n| {
                let (service, file) = (Arc::clone(&service), file.clone());
                async move {
                    // Each is a song of its own; their audio is the same, and stored once.
                    let stated = stated(what, n);
                    service.upload_bytes(file, stated).await.expect("an upload");
                    true
                }
            })
        };
        let (a, b) = match at_once {
            1 => ("a", "b"),
            _ => ("c", "d"),
        };
        let mb = FILE_BYTES as f64 / 1e6;
        row(
            &format!("upload, {at_once} at once [MB/s]"),
            ask(here.clone(), a).await * mb,
            ask(there.clone(), b).await * mb,
        );
    }
}

/// How often the work was done in a second, by so many workers.
async fn per_second<F, W>(workers: usize, work: W) -> f64
where
    F: Future<Output = bool> + Send,
    W: Fn(usize) -> F + Clone + Send + 'static,
{
    // Caches and connections are warm, as in a server.
    for n in 0..3 {
        assert!(work(1_000_000 + n).await, "no answer to measure");
    }
    let begun = Instant::now();
    let all = (0..workers).map(|worker| {
        let work = work.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while begun.elapsed() < MEASURED {
                assert!(work(worker + done * workers).await, "no answer to measure");
                done += 1;
            }
            done
        })
    });
    let done: usize = join_all(all.collect::<Vec<_>>())
        .await
        .into_iter()
        .map(|done| done.expect("no worker panics"))
        .sum();
    done as f64 / begun.elapsed().as_secs_f64()
}

const WORDS: [&str; 6] = ["love", "night", "river stone", "the fire", "l", "road 1"];

fn named(number: usize) -> Stated {
    const SOME: [&str; 12] = [
        "love", "night", "river", "stone", "the", "fire", "road", "light", "moon", "of", "glass",
        "home",
    ];
    let word = |at: usize| SOME[at % SOME.len()];
    Stated {
        title: Some(format!("{} {} {number}", word(number), word(number / 12))),
        artists: vec![format!("{} {}", word(number / 5), number % 70)],
        album: Some(format!("{} {}", word(number / 9), number % 200)),
        ..Stated::default()
    }
}

fn stated(what: &str, number: usize) -> Stated {
    Stated {
        title: Some(format!("{what} {number}")),
        ..Stated::default()
    }
}

/// A WAV file of noise: 16 bit, mono, 44.1 kHz.
fn wav(seed: usize, bytes: usize) -> Bytes {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_be_bytes());
    hasher.finalize_xof().fill(&mut noise);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(44_100u32.to_le_bytes());
    file.extend(88_200u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((bytes as u32).to_le_bytes());
    file.extend(noise);
    file.into()
}

fn row(what: &str, here: f64, there: f64) {
    let ratio = format!("{:.3}", there / here);
    say(what, &format!("{here:.0}"), &format!("{there:.0}"), &ratio);
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn say(what: &str, here: &str, there: &str, ratio: &str) {
    println!("{what:<32} {here:>12} {there:>12} {ratio:>8}");
}
