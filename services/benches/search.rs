//! How fast is a search in a large library, and what does the index cost?
//!
//! The real catalogue of 78,000 songs (`KADENZA_DATA`; without it one that is made up), and a million
//! songs made by crossing its titles, artists and albums. Beside Kadenza's index, on the same songs: the
//! full-text index of SQLite (FTS5 with bm25), and with the feature `peers` tantivy. Each question is
//! asked on one thread, a page of 20. Prints tables. `KADENZA_BENCH_SONGS` sets another number than a
//! million, and `KADENZA_BENCH_ALONE` leaves the others out.

use std::{
    fs,
    future::Future,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kadenza_services::{
    Browse, ContentHash, Format, GroupKind, Library, Page, Query, Recording, Song, Sort, Tags,
    library::LibraryConfig,
};

/// Names that songs are made of.
struct Names {
    titles: Vec<String>,
    /// Artist and album, as they belong together.
    albums: Vec<(String, String)>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let many = std::env::var("KADENZA_BENCH_SONGS")
            .ok()
            .and_then(|n| n.parse().ok());
        let names = names();
        let real = names.titles.len();
        for count in [real, many.unwrap_or(1_000_000)] {
            say(&format!("# {count} songs"), load());
            kadenza(&names, count).await;
            if std::env::var_os("KADENZA_BENCH_ALONE").is_some() {
                continue;
            }
            fts5(&names, count).await;
            #[cfg(feature = "peers")]
            tantivy::measured(&names, count);
        }
    });
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn say(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<52} {figure}");
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = load.split(' ').next().unwrap_or("?");
    format!("load of the machine before: {first}")
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn names() -> Names {
    let mut names = Names {
        titles: Vec::new(),
        albums: Vec::new(),
    };
    match std::env::var_os("KADENZA_DATA") {
        Some(data) => {
            let table = std::path::Path::new(&data).join("catalogue/spotify_playlists_78k.tsv");
            let table = fs::read_to_string(table).expect("the catalogue");
            for line in table.lines().skip(1) {
                let mut row = line.split('\t').map(str::to_owned);
                let mut field = || row.next().unwrap_or_default();
                let (title, artist, album) = (field(), field(), field());
                if Tags::new(&title, &artist, &album).is_ok() {
                    names.titles.push(title);
                    names.albums.push((artist, album));
                }
            }
        }
        None => {
            eprintln!(
                "KADENZA_DATA does not name the directory of the real data: names are made up"
            );
            let common = [
                "love", "the", "you", "night", "a", "of", "time", "heart", "in", "my",
            ];
            let word = |n: u64| {
                let hash = ContentHash::of(&n.to_be_bytes());
                let [first, second, ..] = *hash.as_bytes();
                match first {
                    0..100 => common[usize::from(second) % common.len()].to_owned(),
                    _ => hash
                        .to_string()
                        .chars()
                        .filter(char::is_ascii_alphabetic)
                        .take(6)
                        .collect(),
                }
            };
            for n in 0..78_000 {
                names
                    .titles
                    .push(format!("{} {} x{n}", word(n * 9), word(n * 9 + 1)));
                let (artist, album) = (n / 40, n / 10);
                let artist = format!("{} {}", word(artist * 9 + 2), word(artist * 9 + 3));
                names.albums.push((
                    artist,
                    format!("{} {}", word(album * 9 + 4), word(album * 9 + 5)),
                ));
            }
        }
    }
    names
}

/// The `n`th song. Past the real ones, titles meet other artists and albums.
fn song(names: &Names, n: usize) -> Song {
    let (round, at) = (n / names.titles.len(), n % names.titles.len());
    let other = (at + round * 7919) % names.titles.len();
    let (artist, album) = &names.albums[other];
    Song::new(Recording {
        content: ContentHash::of(&n.to_be_bytes()),
        format: Format::Mp3,
        size: 5_000_000 + n as u64,
        duration_ms: 150_000 + (n as u64 * 7919) % 200_000,
        bit_rate: 192,
        tags: Tags::new(&names.titles[at], artist, album)
            .expect("titles were looked at")
            .with_track(Some(1 + n as u32 % 12))
            .with_year(Some(1960 + n as u32 % 60))
            .with_genre(Some(["Rock", "Pop", "Jazz", "Folk", "Soul"][n % 5])),
        has_artwork: true,
        added_at: Timestamp::from_millisecond(1_700_000_000_000 + n as i64 * 1000).expect("a time"),
    })
}

/// The questions by their class.
fn classes() -> Vec<(&'static str, Vec<String>)> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    vec![
        ("one letter", ('a'..='z').map(String::from).collect()),
        (
            "two letters",
            words(&[
                "th", "lo", "be", "an", "re", "ma", "st", "in", "co", "zz", "qu", "ze",
            ]),
        ),
        (
            "a common word",
            words(&[
                "love", "the", "you", "live", "remix", "feat", "album", "version", "night", "time",
            ]),
        ),
        (
            "a rare word",
            words(&[
                "zeppelin",
                "radiohead",
                "bohemian",
                "xylo",
                "sufjan",
                "nirvana",
                "quixotic",
                "zydeco",
            ]),
        ),
        (
            "two to four words",
            words(&[
                "love me",
                "the be",
                "love song",
                "in the night",
                "of the world",
                "the love of you",
                "all my love",
                "you and me",
                "remix ra",
                "the black keys",
                "live at the",
                "best of",
            ]),
        ),
        (
            "several letters",
            words(&[
                "a b",
                "t l",
                "s t a",
                "a b c d",
                "t h e l o",
                "l o v e m e d",
                "a e i o u s t",
            ]),
        ),
    ]
}

async fn measured<F: Future<Output = usize>>(
    what: &str,
    rounds: usize,
    questions: &[String],
    ask: impl Fn(String) -> F,
) {
    let mut taken = Vec::new();
    let mut hits = 0;
    for round in 0..=rounds {
        for question in questions {
            let begun = Instant::now();
            let question = question.clone();
            hits += ask(question).await;
            // The first round warms up.
            if round > 0 {
                taken.push(begun.elapsed());
            }
        }
    }
    assert!(hits > 0, "{what} finds something");
    say(what, percentiles(taken));
}

fn percentiles(mut taken: Vec<Duration>) -> String {
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!(
        "p50 {:8.3} ms  p99 {:8.3} ms  max {:8.3} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

async fn kadenza(names: &Names, count: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let open = || Library::open(directory.path(), LibraryConfig::default());
    let library = open().await.expect("a library");
    let begun = Instant::now();
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(500) {
        let songs = some.iter().map(|n| song(names, *n)).collect();
        library.add_cards(songs).await.expect("cards");
    }
    // Some songs of the catalogue are there twice.
    let (made, count) = (count, library.counts().cards);
    say(
        "kadenza: cards added, 500 at a time",
        format!("{:.0}/s", count as f64 / begun.elapsed().as_secs_f64()),
    );
    let begun = Instant::now();
    library.close().await;
    say(
        "kadenza: closing, which saves the index",
        format!("{:.2?}", begun.elapsed()),
    );
    let index = directory.path().join("index");
    if index.exists() {
        let (before, begun) = (resident_bytes(), Instant::now());
        let library = open().await.expect("a library");
        say(
            "kadenza: opening with the saved index",
            format!("{:.2?}", begun.elapsed()),
        );
        let grown = resident_bytes().saturating_sub(before);
        say(
            "kadenza: resident after that, grown by",
            format!("{} MB, {} bytes a song", grown / 1_000_000, grown / count),
        );
        library.close().await;
        fs::remove_dir_all(&index).expect("the saved index goes");
    }
    let begun = Instant::now();
    let library = open().await.expect("a library");
    say(
        "kadenza: opening without a saved index",
        format!("{:.2?}", begun.elapsed()),
    );
    say(
        "kadenza: resident after that",
        format!("{} MB", resident_bytes() / 1_000_000),
    );

    let ask = async |query: Query| {
        library
            .search_cards(&query)
            .await
            .expect("a page")
            .items
            .len()
    };
    for (class, questions) in classes() {
        measured(&format!("kadenza: {class}"), 10, &questions, |text| {
            ask(Query::words(&text).expect("words"))
        })
        .await;
    }
    let common: Vec<String> = ["love", "the", "t", "a b", "lo"].map(String::from).to_vec();
    let fifth = async |text: String| {
        let mut query = Query::words(&text).expect("words");
        for _ in 0..4 {
            query.after = library.search_cards(&query).await.expect("a page").next;
        }
        query
    };
    let mut later = Vec::new();
    for text in &common {
        later.push(fifth(text.clone()).await);
    }
    let mut taken = Vec::new();
    for _ in 0..20 {
        for query in &later {
            let begun = Instant::now();
            let page: Page<Song> = library.search_cards(query).await.expect("a page");
            assert_eq!(page.items.len(), 20);
            taken.push(begun.elapsed());
        }
    }
    say(
        "kadenza: the fifth page of common words",
        percentiles(taken),
    );
    for sort in [Sort::Newest, Sort::Artist, Sort::Year, Sort::Random(7)] {
        let by = |text: &str| Query {
            sort,
            ..Query::words(text).expect("words")
        };
        measured(
            &format!("kadenza: common words by {sort}"),
            10,
            &common,
            |text| ask(by(&text)),
        )
        .await;
    }
    let nothing = [String::new()];
    for sort in [Sort::Title, Sort::Newest, Sort::Artist, Sort::Random(7)] {
        measured(
            &format!("kadenza: no words, by {sort}"),
            50,
            &nothing,
            |_| {
                ask(Query {
                    sort,
                    ..Query::all()
                })
            },
        )
        .await;
    }
    let artist = Some(names.albums[names.albums.len() / 2].0.clone());
    let filtered = |text: String| Query {
        artist: artist.clone(),
        sort: Sort::Album,
        text: Some(text)
            .filter(|t| !t.is_empty())
            .map(|t| kadenza_services::QueryText::new(&t).expect("words")),
        ..Query::all()
    };
    measured("kadenza: an artist's songs", 50, &nothing, |text| {
        ask(filtered(text))
    })
    .await;
    measured(
        "kadenza: letters among an artist's songs",
        10,
        &['a', 'e', 'i', 'o', 's'].map(String::from),
        |text| ask(filtered(text)),
    )
    .await;
    let genre = |text: String| Query {
        genre: Some("Jazz".into()),
        ..Query::words(&text).expect("words")
    };
    measured("kadenza: common words in a genre", 10, &common, |text| {
        ask(genre(text))
    })
    .await;
    let browse = async |browse: Browse| {
        library
            .browse_cards(&browse)
            .await
            .expect("a page")
            .items
            .len()
    };
    for kind in [GroupKind::Artist, GroupKind::Album, GroupKind::Genre] {
        measured(
            &format!("kadenza: browse by {kind:?}"),
            30,
            &nothing,
            |_| browse(Browse::all(kind)),
        )
        .await;
    }
    measured("kadenza: artists of a genre", 30, &nothing, |_| {
        browse(Browse {
            genre: Some("Jazz".into()),
            ..Browse::all(GroupKind::Artist)
        })
    })
    .await;
    let ids: Vec<_> = (0..1000).map(|n| song(names, n * 37 % made).id()).collect();
    let begun = Instant::now();
    for id in &ids {
        assert!(library.card(id).await.expect("an answer").is_some());
    }
    say(
        "kadenza: one song by its id",
        format!("{:.2?}", begun.elapsed() / ids.len() as u32),
    );
    let mut one = Vec::new();
    for n in 0..200 {
        let begun = Instant::now();
        library
            .add_cards(vec![song(names, made + n)])
            .await
            .expect("a card");
        one.push(begun.elapsed());
    }
    say(
        "kadenza: one card more, durable and found",
        percentiles(one),
    );
}

async fn fts5(names: &Names, count: usize) {
    use sqlx::{Connection, Row};
    let directory = tempfile::tempdir().expect("a directory");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.path().join("songs.db"))
        .create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options)
        .await
        .expect("SQLite");
    let table = "CREATE VIRTUAL TABLE songs USING fts5(title, artist, album, prefix='1 2 3')";
    sqlx::query(table)
        .execute(&mut connection)
        .await
        .expect("a table");
    let begun = Instant::now();
    let mut transaction = connection.begin().await.expect("a transaction");
    for n in 0..count {
        let song = song(names, n);
        let insert = sqlx::query("INSERT INTO songs (title, artist, album) VALUES (?, ?, ?)");
        let (title, artist, album) = (
            song.tags().title(),
            song.tags().artist(),
            song.tags().album(),
        );
        let insert = insert
            .bind(title.to_owned())
            .bind(artist.to_owned())
            .bind(album.to_owned());
        insert.execute(&mut *transaction).await.expect("a song");
    }
    transaction.commit().await.expect("a commit");
    say(
        "FTS5: songs added in one transaction",
        format!("{:.0}/s", count as f64 / begun.elapsed().as_secs_f64()),
    );
    let connection = tokio::sync::Mutex::new(connection);
    let rounds = if count > 100_000 { 1 } else { 5 };
    let ask = async |text: String| {
        let words = text.split(' ').map(|word| format!("\"{word}\"*"));
        let matching = words.collect::<Vec<_>>().join(" ");
        let select = sqlx::query(
            "SELECT rowid, title, artist, album FROM songs WHERE songs MATCH ? ORDER BY rank LIMIT 20",
        );
        let mut connection = connection.lock().await;
        let rows = select
            .bind(matching)
            .fetch_all(&mut *connection)
            .await
            .expect("rows");
        rows.iter()
            .filter(|row| row.try_get::<&str, _>(1).is_ok())
            .count()
    };
    for (class, questions) in classes() {
        measured(&format!("FTS5: {class}"), rounds, &questions, &ask).await;
    }
}

#[cfg(feature = "peers")]
mod tantivy {
    use std::time::Instant;

    use tantivy::{
        Index, TantivyDocument, Term,
        collector::TopDocs,
        query::{BooleanQuery, DisjunctionMaxQuery, PhrasePrefixQuery, Query, RegexQuery},
        schema::{STORED, Schema, TEXT},
    };

    use super::{Names, classes, percentiles, say, song};

    pub(super) fn measured(names: &Names, count: usize) {
        let mut schema = Schema::builder();
        let fields =
            ["title", "artist", "album"].map(|name| schema.add_text_field(name, TEXT | STORED));
        let directory = tempfile::tempdir().expect("a directory");
        let index = Index::create_in_dir(directory.path(), schema.build()).expect("an index");
        let begun = Instant::now();
        let mut writer = index
            .writer_with_num_threads(1, 200_000_000)
            .expect("a writer");
        for n in 0..count {
            let song = song(names, n);
            let tags = song.tags();
            let mut document = TantivyDocument::default();
            for (field, text) in fields
                .iter()
                .zip([tags.title(), tags.artist(), tags.album()])
            {
                document.add_text(*field, text);
            }
            writer.add_document(document).expect("a song");
        }
        writer.commit().expect("a commit");
        writer.wait_merging_threads().expect("merged");
        let rate = count as f64 / begun.elapsed().as_secs_f64();
        say(
            "tantivy: songs added, one thread, one commit",
            format!("{rate:.0}/s"),
        );
        let searcher = index.reader().expect("a reader").searcher();
        // The beginning of a word: a phrase of one word whose end is open, or as a pattern.
        let beginning = |word: &str| -> Box<dyn Query> {
            let in_fields = fields.iter().map(|field| -> Box<dyn Query> {
                let _ = PhrasePrefixQuery::new(vec![Term::from_field_text(*field, word)]);
                Box::new(RegexQuery::from_pattern(&format!("{word}.*"), *field).expect("a pattern"))
            });
            Box::new(DisjunctionMaxQuery::new(in_fields.collect()))
        };
        let whole = |word: &str| -> Box<dyn Query> {
            let in_fields = fields.iter().map(|field| -> Box<dyn Query> {
                let term = Term::from_field_text(*field, word);
                let option = tantivy::schema::IndexRecordOption::WithFreqs;
                Box::new(tantivy::query::TermQuery::new(term, option))
            });
            Box::new(BooleanQuery::union(in_fields.collect()))
        };
        for (class, questions) in classes() {
            for (how, query) in [
                ("beginnings", &beginning as &dyn Fn(&str) -> Box<dyn Query>),
                ("whole words", &whole),
            ] {
                let mut taken = Vec::new();
                for round in 0..4 {
                    for question in &questions {
                        let begun = Instant::now();
                        let words = question.split(' ').map(query).collect();
                        let all = BooleanQuery::intersection(words);
                        let hits = searcher
                            .search(&all, &TopDocs::with_limit(20).order_by_score())
                            .expect("hits");
                        for (_, address) in hits {
                            searcher.doc::<TantivyDocument>(address).expect("a song");
                        }
                        if round > 0 {
                            taken.push(begun.elapsed());
                        }
                    }
                }
                say(&format!("tantivy: {class}, {how}"), percentiles(taken));
            }
        }
    }
}
