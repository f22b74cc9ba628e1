//! Kadenza's own index.

use std::{fs, time::Instant};

use kadenza_contract::{Browse, Entry, GroupKind, Page, Query, Sort};
use kadenza_library::{Library, LibraryConfig};

use crate::{
    questions::{classes, measured as ask_all, percentiles},
    say,
    songs::{Names, song},
};

pub(crate) async fn measured(names: &Names, count: usize) {
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
        ask_all(&format!("kadenza: {class}"), 10, &questions, |text| {
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
            let page: Page<Entry> = library.search_cards(query).await.expect("a page");
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
        ask_all(
            &format!("kadenza: common words by {sort}"),
            10,
            &common,
            |text| ask(by(&text)),
        )
        .await;
    }
    let nothing = [String::new()];
    for sort in [Sort::Title, Sort::Newest, Sort::Artist, Sort::Random(7)] {
        ask_all(
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
            .map(|t| kadenza_contract::QueryText::new(&t).expect("words")),
        ..Query::all()
    };
    ask_all("kadenza: an artist's songs", 50, &nothing, |text| {
        ask(filtered(text))
    })
    .await;
    ask_all(
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
    ask_all("kadenza: common words in a genre", 10, &common, |text| {
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
        ask_all(
            &format!("kadenza: browse by {kind:?}"),
            30,
            &nothing,
            |_| browse(Browse::all(kind)),
        )
        .await;
    }
    ask_all("kadenza: artists of a genre", 30, &nothing, |_| {
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

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
