//! How fast is the library on one machine, at the size of a large collection?
//!
//! The 78,000 songs of the real catalogue (`KADENZA_DATA`) as cards: taking in, opening, memory,
//! search, listing, browsing. Then real bytes: uploads, whole files of 8 MB, ranges of 64 KiB, and
//! beside them a plain `pread` of the same ranges and hashing alone. Prints a table; two threads.

use std::{
    fs,
    future::Future,
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use kadenza_services::{
    AudioRequest, Browse, ByteRange, ContentHash, Format, GroupKind, Library, Limit, MusicService,
    MusicServiceExt, Query, Recording, Song, Sort, Stated, Tags, library::LibraryConfig,
};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        match std::env::var_os("KADENZA_DATA") {
            Some(data) => catalogue(&PathBuf::from(data)).await,
            None => eprintln!("skipped: KADENZA_DATA does not name the directory of the real data"),
        }
        audio().await;
    });
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn say(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<44} {figure}");
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// Time on processors so far, in all threads: what a busy machine does not change.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn songs(data: &std::path::Path) -> Vec<Song> {
    let table = data.join("catalogue/spotify_playlists_78k.tsv");
    let table = fs::read_to_string(table).expect("the catalogue");
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap_or("").split('\t').collect();
    let column = |name: &str| names.iter().position(|n| n.contains(name));
    let (title, artist, album) = (column("title"), column("artist"), column("album"));
    let mut songs = Vec::new();
    for (n, line) in lines.enumerate() {
        let row: Vec<&str> = line.split('\t').collect();
        let field = |at: Option<usize>| at.and_then(|at| row.get(at)).copied().unwrap_or("");
        let Ok(tags) = Tags::new(field(title), field(artist), field(album)) else {
            continue;
        };
        songs.push(Song::new(Recording {
            content: ContentHash::of(&n.to_be_bytes()),
            format: Format::Mp3,
            size: 5_000_000,
            duration_ms: 200_000,
            bit_rate: 192,
            tags: tags
                .with_year(Some(1960 + n as u32 % 60))
                .with_genre(Some(["Rock", "Pop", "Jazz"][n % 3])),
            has_artwork: false,
            added_at: Timestamp::from_millisecond(n as i64 * 1000).expect("a time"),
        }));
    }
    songs
}

async fn catalogue(data: &std::path::Path) {
    let directory = tempfile::tempdir().expect("a directory");
    let config = LibraryConfig::default;
    let library = Library::open(directory.path(), config())
        .await
        .expect("a library");
    let songs = songs(data);
    let (begun, before) = (Instant::now(), cpu());
    for some in songs.chunks(500) {
        library.add_cards(some.to_vec()).await.expect("cards");
    }
    let count = library.counts().cards;
    let per_second = count as f64 / begun.elapsed().as_secs_f64();
    say(
        "cards taken in, 500 at a time",
        format!(
            "{count}, {per_second:.0}/s, {:.1?} of processors",
            cpu() - before
        ),
    );
    drop((library, songs));
    let (before, worked) = (resident_mib(), cpu());
    let (library, opening) = timed(Library::open(directory.path(), config())).await;
    let library = library.expect("a library");
    say(
        "opening",
        format!("{opening:.2?}, {:.1?} of processors", cpu() - worked),
    );
    say(
        "memory (resident, grown by opening)",
        format!("{} MiB", resident_mib() - before),
    );

    let words = [
        "love",
        "the",
        "l",
        "t",
        "th",
        "lo",
        "love me do",
        "the be",
        "a b",
        "zeppelin",
        "x",
    ];
    let mut all = Vec::new();
    for words in words {
        let query = Query::words(words).expect("words");
        let times = measure(30, || library.search_cards(&query)).await;
        say(&format!("search {words:?}"), percentiles(&times));
        all.extend(times);
    }
    all.sort_unstable();
    say("search, all of these", percentiles(&all));
    for sort in [Sort::Title, Sort::Artist, Sort::Newest] {
        let query = Query {
            sort,
            ..Query::all()
        };
        let times = measure(30, || library.search_cards(&query)).await;
        say(&format!("first page by {sort:?}"), percentiles(&times));
    }
    let mut query = Query {
        limit: Limit::new(500).expect("a limit"),
        ..Query::all()
    };
    let begun = Instant::now();
    let mut pages = 0;
    loop {
        let page = library.search_cards(&query).await.expect("a page");
        pages += 1;
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    say(
        "every song, 500 a page",
        format!("{pages} pages in {:.0?}", begun.elapsed()),
    );
    let query = Query {
        genre: Some("Jazz".into()),
        ..Query::words("l").expect("words")
    };
    say(
        "search \"l\" in a third of them",
        percentiles(&measure(30, || library.search_cards(&query)).await),
    );
    for kind in [GroupKind::Artist, GroupKind::Album, GroupKind::Genre] {
        let browse = Browse::all(kind);
        say(
            &format!("browse by {kind:?}"),
            percentiles(&measure(30, || library.browse_cards(&browse)).await),
        );
    }
    let browse = Browse {
        genre: Some("Jazz".into()),
        ..Browse::all(GroupKind::Artist)
    };
    say(
        "artists of a third",
        percentiles(&measure(30, || library.browse_cards(&browse)).await),
    );
}

async fn measure<T, F: Future<Output = T>>(times: usize, ask: impl Fn() -> F) -> Vec<Duration> {
    let mut taken = Vec::new();
    for _ in 0..times {
        taken.push(timed(ask()).await.1);
    }
    taken.sort_unstable();
    taken
}

fn percentiles(sorted: &[Duration]) -> String {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    format!("p50 {:.2?}, p99 {:.2?}", at(0.5), at(0.99))
}

/// A WAV file of this many bytes.
fn wav(title: &str, size: usize, seed: u64) -> Bytes {
    let mut info = b"INFOINAM".to_vec();
    info.extend((title.len() as u32).to_le_bytes());
    info.extend(title.as_bytes());
    info.resize(info.len().next_multiple_of(2), 0);
    let mut file =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0LIST"
            .to_vec();
    file.extend((info.len() as u32).to_le_bytes());
    file.extend(info);
    let mut noise = vec![0; size];
    blake3::Hasher::new()
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut noise);
    file.extend(b"data");
    file.extend((size as u32).to_le_bytes());
    file.extend(noise);
    let length = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file.into()
}

async fn audio() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = Library::open(directory.path(), LibraryConfig::default())
        .await
        .expect("a library");
    for (what, count, size) in [("8 MB", 32u64, 8 << 20), ("100 KB", 1000, 100_000)] {
        let files: Vec<Bytes> = (0..count)
            .map(|n| wav(&format!("{what} {n}"), size, n))
            .collect();
        let total: usize = files.iter().map(Bytes::len).sum();
        let begun = Instant::now();
        for file in &files {
            black_box(blake3::hash(file));
        }
        let hashing = begun.elapsed();
        let begun = Instant::now();
        let uploads = files.into_iter().map(|file| {
            let library = library.clone();
            async move {
                library
                    .upload_bytes(file, Stated::default())
                    .await
                    .expect("an upload")
            }
        });
        stream::iter(uploads)
            .buffer_unordered(16)
            .collect::<Vec<_>>()
            .await;
        let taken = begun.elapsed();
        let (per_second, rate) = (
            count as f64 / taken.as_secs_f64(),
            total as f64 / 1e6 / taken.as_secs_f64(),
        );
        say(
            &format!("uploads of {what}, 16 at once"),
            format!(
                "{per_second:.0}/s, {rate:.0} MB/s (hashing alone {:.0} MB/s)",
                total as f64 / 1e6 / hashing.as_secs_f64()
            ),
        );
    }
    let songs = library
        .search_all(&Query {
            limit: Limit::new(32).expect("a limit"),
            ..Query::words("8 mb").expect("words")
        })
        .await
        .expect("songs");
    for round in ["first, checked", "again"] {
        let begun = Instant::now();
        let readers = songs.iter().map(|song| {
            let (library, id) = (library.clone(), song.id());
            tokio::spawn(async move {
                let mut bytes = 0u64;
                for _ in 0..if round == "again" { 20 } else { 1 } {
                    let audio = library
                        .audio(&AudioRequest::whole(id))
                        .await
                        .expect("audio")
                        .expect("audio");
                    let mut stream = audio.stream;
                    while let Some(piece) = stream.next().await {
                        bytes += piece.expect("a piece").len() as u64;
                    }
                }
                bytes
            })
        });
        let bytes: u64 = stream::iter(readers)
            .buffer_unordered(8)
            .map(|read| read.expect("a reader"))
            .collect::<Vec<_>>()
            .await
            .iter()
            .sum();
        say(
            &format!("whole files, {round}"),
            format!(
                "{:.1} GB/s",
                bytes as f64 / 1e9 / begun.elapsed().as_secs_f64()
            ),
        );
    }
    let count = 200_000u64;
    let begun = Instant::now();
    let readers = (0..2).map(|reader| {
        let (library, songs) = (library.clone(), songs.clone());
        tokio::spawn(async move {
            for n in 0..count / 2 {
                let start = (n * 7919 + reader) % 127 * 65_536;
                let song = songs[n as usize % songs.len()].id();
                let range = ByteRange::from(start..start + 65_536);
                let request = AudioRequest {
                    song,
                    recording: None,
                    range,
                };
                let mut stream = library
                    .audio(&request)
                    .await
                    .expect("audio")
                    .expect("audio")
                    .stream;
                while let Some(piece) = stream.next().await {
                    black_box(piece.expect("a piece"));
                }
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.expect("a reader");
    }
    say(
        "ranges of 64 KiB, 2 readers",
        format!("{:.0}/s", count as f64 / begun.elapsed().as_secs_f64()),
    );
    let id = songs[0].id();
    let begun = Instant::now();
    for _ in 0..count {
        black_box(library.song(&id).await.expect("a song"));
    }
    say(
        "song by id, 1 reader",
        format!("{:.0}/s", count as f64 / begun.elapsed().as_secs_f64()),
    );
}
