//! How fast is the library on PostgreSQL, at the size of a large collection?
//!
//! The 78,000 songs of the real catalogue (`KADENZA_DATA`), adopted into an empty database
//! (`KADENZA_PG`, a `postgres://` URL), or so many of their titles, artists and albums crossed as
//! `KADENZA_SONGS` says: adopting, search, listing, browsing; then uploads of small files, one after
//! the other and 16 at once, beside hashing and putting the same audio alone. Prints a table.

#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::{
    collections::HashSet,
    fs,
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use kadenza_contract::{
    Browse, ChunkHasher, Chunks, Format, GroupKind, Limit, MusicService, MusicServiceExt, Query,
    Recording, Song, Sort, Stated, Tags,
};
use kadenza_objects::{AudioObjects, AudioStore};
use kadenza_postgres::{PostgresConfig, PostgresLibrary};

/// How many uploads are measured.
const UPLOADS: usize = 400;
/// How often each question is asked.
const TIMES: usize = 30;

fn main() {
    let Ok(url) = std::env::var("KADENZA_PG") else {
        eprintln!("skipped: KADENZA_PG does not name an empty database (postgres://…)");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a directory");
        let store = format!("file://{}", directory.path().join("audio").display());
        let audio = Arc::new(AudioObjects::open(&store).expect("a store"));
        let config = PostgresConfig::new(directory.path().join("uploads"));
        let library = PostgresLibrary::open(&url, audio.clone(), config);
        let library = library.await.expect("a library");
        match std::env::var_os("KADENZA_DATA") {
            Some(data) => catalogue(&library, Path::new(&data)).await,
            None => eprintln!("skipped: KADENZA_DATA does not name the directory of the real data"),
        }
        uploads(&library, &*audio).await;
    });
}

fn say(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<44} {figure}");
}

/// Real songs, or real names crossed where more are wanted than there are.
fn songs(data: &Path) -> impl Iterator<Item = (Song, Vec<Chunks>)> {
    let table = data.join("catalogue/spotify_playlists_78k.tsv");
    let table = fs::read_to_string(table).expect("the catalogue");
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap_or("").split('\t').collect();
    let column = |name: &str| names.iter().position(|n| n.contains(name));
    let columns = [column("title"), column("artist"), column("album")];
    let rows: Vec<[String; 3]> = lines
        .map(|line| {
            let row: Vec<&str> = line.split('\t').collect();
            columns.map(|at| {
                at.and_then(|at| row.get(at))
                    .copied()
                    .unwrap_or("")
                    .to_owned()
            })
        })
        .collect();
    let wanted = std::env::var("KADENZA_SONGS")
        .ok()
        .and_then(|n| n.parse().ok());
    let wanted: usize = wanted.unwrap_or(rows.len());
    (0..wanted).filter_map(move |n| {
        let (round, at) = (n / rows.len(), n % rows.len());
        let [title, ..] = &rows[at];
        // Each round takes the titles with the artists and albums of other songs.
        let [_, artist, album] = &rows[(at + round * 7919) % rows.len()];
        let tags = Tags::new(title, artist, album).ok()?;
        let mut hasher = ChunkHasher::new();
        hasher.update(&n.to_be_bytes());
        let (content, chunks) = hasher.finish();
        let song = Song::new(Recording {
            content,
            format: Format::Mp3,
            size: 8,
            duration_ms: Some(200_000),
            bit_rate: Some(192),
            tags: tags
                .with_year(Some(1960 + n as u32 % 60))
                .with_genre(Some(["Rock", "Pop", "Jazz"][n % 3])),
            has_artwork: false,
            added_at: Timestamp::from_millisecond(n as i64 * 1000).expect("a time"),
            reader: 0,
        });
        Some((song, vec![chunks]))
    })
}

async fn catalogue(library: &PostgresLibrary, data: &Path) {
    let begun = Instant::now();
    let mut some = Vec::new();
    let mut seen = HashSet::new();
    for song in songs(data) {
        if seen.insert(song.0.id()) {
            some.push(song);
        }
        if some.len() == 500 {
            library.adopt(&some).await.expect("songs");
            some.clear();
        }
    }
    library.adopt(&some).await.expect("songs");
    let count = library.status().await.expect("a status").songs;
    let per_second = count as f64 / begun.elapsed().as_secs_f64();
    say(
        "songs adopted, 500 at a time",
        format!("{count}, {per_second:.0}/s"),
    );

    let words = [
        "love",
        "the",
        "of",
        "remaster",
        "l",
        "t",
        "th",
        "lo",
        "love me do",
        "the be",
        "a b",
        "you me",
        "zeppelin",
        "x",
        "qqqq",
    ];
    let mut all = Vec::new();
    for words in words {
        let query = Query::words(words).expect("words");
        let times = measure(|| library.search(&query)).await;
        say(&format!("search {words:?}"), percentiles(&times));
        all.extend(times);
    }
    all.sort_unstable();
    say("search, all of these", percentiles(&all));
    let sorts = [
        Sort::Title,
        Sort::Artist,
        Sort::Newest,
        Sort::Year,
        Sort::Random(7),
    ];
    for sort in sorts {
        let query = Query {
            sort,
            ..Query::all()
        };
        let times = measure(|| library.search(&query)).await;
        say(&format!("first page by {sort:?}"), percentiles(&times));
    }
    let query = Query {
        sort: Sort::Newest,
        ..Query::words("love").expect("words")
    };
    say(
        "search \"love\", newest",
        percentiles(&measure(|| library.search(&query)).await),
    );
    let query = Query {
        genre: Some("Jazz".into()),
        ..Query::words("l").expect("words")
    };
    let times = measure(|| library.search(&query)).await;
    say("search \"l\" in a third of them", percentiles(&times));
    let mut query = Query {
        limit: Limit::new(500).expect("a limit"),
        ..Query::words("love").expect("words")
    };
    let mut times = Vec::new();
    loop {
        let begun = Instant::now();
        let page = library.search(&query).await.expect("a page");
        times.push(begun.elapsed());
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    times.sort_unstable();
    let what = format!("every \"love\", 500 a page, {} pages", times.len());
    say(&what, percentiles(&times));
    for kind in [GroupKind::Artist, GroupKind::Album, GroupKind::Genre] {
        let browse = Browse::all(kind);
        let times = measure(|| library.browse(&browse)).await;
        say(&format!("browse by {kind:?}"), percentiles(&times));
    }
}

async fn measure<T, F: Future<Output = T>>(ask: impl Fn() -> F) -> Vec<Duration> {
    let mut taken = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        ask().await;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    taken
}

fn percentiles(sorted: &[Duration]) -> String {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    format!("p50 {:.2?}, p99 {:.2?}", at(0.5), at(0.99))
}

async fn uploads(library: &PostgresLibrary, audio: &dyn AudioStore) {
    let begun = Instant::now();
    for n in 0..UPLOADS {
        let bytes = wav(n);
        let (content, _) = {
            let mut hasher = ChunkHasher::new();
            hasher.update(&bytes);
            hasher.finish()
        };
        let mut file = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut file, &bytes).expect("room");
        let put = audio.put(&content, &file, bytes.len() as u64);
        put.await.expect("audio is put");
    }
    let alone = UPLOADS as f64 / begun.elapsed().as_secs_f64();
    say("hashed and put alone, 64 KB", format!("{alone:.0}/s"));
    for at_once in [1, 16] {
        let begun = Instant::now();
        stream::iter(0..UPLOADS)
            .map(|n| {
                let stated = Stated {
                    title: Some(format!("Upload {at_once} {n}")),
                    ..Stated::default()
                };
                library.upload_bytes(wav(at_once * UPLOADS + n), stated)
            })
            .buffer_unordered(at_once)
            .for_each(|upload| {
                upload.expect("an upload");
                std::future::ready(())
            })
            .await;
        let per_second = UPLOADS as f64 / begun.elapsed().as_secs_f64();
        say(
            &format!("uploads of 64 KB, {at_once} at once"),
            format!("{per_second:.0}/s"),
        );
    }
}

/// A WAV file of 64 KB without tags.
fn wav(seed: usize) -> Bytes {
    let mut file = b"RIFF\x24\xfa\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data\0\xfa\0\0".to_vec();
    let mut noise = vec![0; 64_000];
    blake3::Hasher::new()
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut noise);
    file.extend(noise);
    file.into()
}
