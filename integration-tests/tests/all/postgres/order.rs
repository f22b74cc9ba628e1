//! PostgreSQL gives the pages that [`Query::page`] and [`Browse::page`] define, whatever the songs and
//! the words.

use std::sync::Arc;

use jiff::Timestamp;
use kadenza_contract::{
    Browse, ChunkHasher, Chunks, ContentHash, Cursor, Entry, Format, GroupKind, Limit,
    MusicService, Page, Query, QueryText, Recording, Song, Sort, SortKey, Tags,
};
use kadenza_integration_tests::{
    data,
    servers::{self, Postgres},
    stacks::Backends,
};
use kadenza_services::PostgresLibrary;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

const SORTS: [Sort; 8] = [
    Sort::Relevance,
    Sort::Title,
    Sort::Artist,
    Sort::Album,
    Sort::Newest,
    Sort::Year,
    Sort::Random(0),
    Sort::Random(4_000_000_000),
];

/// Words that begin alike, fold alike, and need care somewhere on the way.
const WORDS: [&str; 54] = [
    "love",
    "Love",
    "lovely",
    "l",
    "lo",
    "LÖVE",
    "a",
    "A",
    "an",
    "the",
    "The",
    "don't",
    "dont",
    "'s",
    "\"Heroes\"",
    "(Live)",
    "!!!",
    "???",
    "-",
    "Straße",
    "strasse",
    "ﬁn",
    "fin",
    "Ⅷ",
    "日本",
    "日",
    "本",
    "한국",
    "한",
    "İstanbul",
    "it's",
    "\\",
    "\\'",
    "':*",
    "' | '",
    "1love",
    "2",
    "& !",
    "Øre",
    "𝓁ove",
    "R.E.M.",
    "rem",
    "l'été",
    "ete",
    "Ärzte",
    "aerzte",
    "hyper-ballad",
    "hyperballad",
    "봄날은간다",
    "날은",
    "風中",
    "السلام",
    "1999",
    "Ke$ha",
];

/// Chance that can be had again: the seed is told.
fn dice(test: &str) -> StdRng {
    let told = std::env::var("KADENZA_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = told.unwrap_or_else(|| rand::rng().next_u64());
    eprintln!("{test}: KADENZA_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

struct Made {
    songs: Vec<Song>,
    texts: Vec<String>,
}

impl Made {
    fn text(&self, dice: &mut StdRng, words_max: usize) -> String {
        let count = dice.random_range(0..=words_max);
        let words: Vec<&str> = (0..count)
            .map(|_| self.texts.choose(dice).unwrap().as_str())
            .collect();
        words.join([" ", " ", "-", ""].choose(dice).unwrap())
    }

    /// A catalogue; some of its songs have several recordings.
    fn of(dice: &mut StdRng, count: usize, texts: Vec<String>) -> Made {
        let mut made = Made {
            songs: Vec::new(),
            texts,
        };
        let mut numbers = 0u64;
        while made.songs.len() < count {
            let (title, artist, album) =
                (made.text(dice, 3), made.text(dice, 2), made.text(dice, 2));
            let Ok(tags) = Tags::new(&title, &artist, &album) else {
                continue;
            };
            let mut recordings = Vec::new();
            for _ in 0..*[1, 1, 1, 2].choose(dice).unwrap() {
                numbers += 1;
                let genre = ["", "Pop", "pop", "Rock", "日本"].choose(dice).unwrap();
                recordings.push(Recording {
                    content: content(numbers).0,
                    format: *[Format::Mp3, Format::Flac].choose(dice).unwrap(),
                    size: 8,
                    duration_ms: Some(dice.random_range(1..1_000_000)),
                    bit_rate: Some(dice.random_range(1..4)),
                    tags: tags
                        .clone()
                        .with_year(Some(*[0, 1, 2, 3, 1999].choose(dice).unwrap()))
                        .with_track(Some(dice.random_range(0..4)))
                        .with_disc(Some(dice.random_range(0..3)))
                        .with_genre(Some(genre)),
                    has_artwork: false,
                    added_at: Timestamp::from_millisecond(dice.random_range(-2..20)).unwrap(),
                    reader: 0,
                });
            }
            let song = Song::from_recordings(recordings).unwrap();
            match made.songs.iter_mut().find(|known| known.id() == song.id()) {
                Some(known) => {
                    known.merge(&song);
                }
                None => made.songs.push(song),
            }
        }
        made
    }

    /// Gives the songs to libraries, in any order, some of them twice and in parts.
    async fn give(&self, dice: &mut StdRng, libraries: &[PostgresLibrary]) {
        let mut parts = Vec::new();
        for song in &self.songs {
            for recording in song.recordings() {
                let chunks = pieces(&recording.content, self);
                parts.push((Song::new(recording.clone()), vec![chunks]));
            }
        }
        for at in (1..parts.len()).rev() {
            parts.swap(at, dice.random_range(0..=at));
        }
        parts.extend(parts[..parts.len() / 4].to_vec());
        for some in parts.chunks(97) {
            libraries.choose(dice).unwrap().adopt(some).await.unwrap();
        }
    }
}

/// Audio that there is not, and its pieces.
fn content(number: u64) -> (ContentHash, Chunks) {
    let mut hasher = ChunkHasher::new();
    hasher.update(&number.to_be_bytes());
    hasher.finish()
}

fn pieces(of: &ContentHash, made: &Made) -> Chunks {
    let most = 3 * made.songs.len() as u64 + 100;
    (1..=most)
        .map(content)
        .find(|(content, _)| content == of)
        .unwrap()
        .1
}

impl Made {
    fn query(&self, dice: &mut StdRng) -> Query {
        let text = match dice.random_range(0..8) {
            0 => None,
            // The beginning of something that is there.
            1..3 => {
                let text = self.songs.choose(dice).unwrap().tags().title();
                let count = dice.random_range(0..=text.chars().count());
                Some(text.chars().take(count).collect())
            }
            // A part of it, and with a slip.
            4 => {
                let text = self.songs.choose(dice).unwrap().tags().title();
                let from = dice.random_range(0..=text.chars().count() / 2);
                Some(text.chars().skip(from).collect())
            }
            5 => {
                let text = self.songs.choose(dice).unwrap().tags().title();
                let mut chars: Vec<char> = text.chars().collect();
                let at = dice.random_range(0..chars.len());
                match dice.random_range(0..4) {
                    0 => drop(chars.remove(at)),
                    1 => chars.insert(at, 'x'),
                    2 => chars[at] = 'y',
                    _ => chars.swap(at, at.saturating_sub(1)),
                }
                Some(chars.into_iter().collect())
            }
            3 => Some(self.songs.choose(dice).unwrap().tags().artist().to_owned()),
            _ => Some(self.text(dice, 3)),
        };
        let name = |dice: &mut StdRng, of: fn(&Tags) -> &str| {
            let song = self.songs.choose(dice).unwrap();
            let name = of(song.tags());
            dice.random_bool(0.15).then(|| {
                [name.to_owned(), name.to_uppercase()]
                    .choose(dice)
                    .unwrap()
                    .clone()
            })
        };
        Query {
            text: text.map(|text: String| QueryText::new(&text).unwrap()),
            artist: name(dice, Tags::artist),
            album: name(dice, Tags::album),
            genre: name(dice, |tags| tags.genre().unwrap_or("")),
            sort: match dice.random_bool(0.5) {
                true => Sort::Relevance,
                false => *SORTS.choose(dice).unwrap(),
            },
            limit: Limit::new(*[1, 2, 5, 20, 500].choose(dice).unwrap()).unwrap(),
            after: None,
        }
    }

    /// Follows a query for some pages, and from a place that another query gave.
    async fn compare(&self, dice: &mut StdRng, library: &PostgresLibrary, mut query: Query) {
        // Lists of albums give keys that end with a content hash, and take those of other lists.
        let ends_with_hash = dice.random_bool(0.5);
        let all: Vec<SortKey> = self
            .songs
            .iter()
            .filter_map(|song| match ends_with_hash {
                true => query.key(&Entry::of(song.clone())),
                false => query.song_key(song),
            })
            .collect();
        if dice.random_bool(0.2) {
            let song = self.songs.choose(dice).unwrap();
            let other = Query {
                sort: *SORTS.choose(dice).unwrap(),
                ..Query::all()
            };
            query.after = other.song_key(song).map(Cursor::behind);
        } else if let (true, Some(key)) = (dice.random_bool(0.5), all.choose(dice)) {
            query.after = Some(Cursor::behind(key.clone()));
        }
        for _ in 0..4 {
            let right = self.right(&query);
            let told = library.search(&query).await.unwrap();
            let titles = |page: &Page<Entry>| -> Vec<(Option<SortKey>, String)> {
                let songs = page.items.iter();
                songs
                    .map(|song| (query.key(song), song.tags().title().to_owned()))
                    .collect()
            };
            assert!(
                told == right,
                "{query:?}\n    gave {:#?}\ninstead of {:#?}",
                titles(&told),
                titles(&right)
            );
            match right.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }

    /// The page that is defined.
    fn right(&self, query: &Query) -> Page<Entry> {
        query.page(self.songs.iter().cloned())
    }

    async fn compare_browsing(&self, dice: &mut StdRng, library: &PostgresLibrary) {
        let song = self.songs.choose(dice).unwrap();
        let kinds = [GroupKind::Artist, GroupKind::Album, GroupKind::Genre];
        let mut browse = Browse {
            artist: dice
                .random_bool(0.3)
                .then(|| song.tags().artist().to_uppercase()),
            genre: dice
                .random_bool(0.3)
                .then(|| song.tags().genre().unwrap_or("").to_owned()),
            limit: Limit::new(dice.random_range(1..30)).unwrap(),
            ..Browse::all(*kinds.choose(dice).unwrap())
        };
        loop {
            let right = browse.page(&self.songs);
            let told = library.browse(&browse).await.unwrap();
            assert_eq!(told, right, "{browse:?}");
            match right.next {
                Some(next) => browse.after = Some(next),
                None => break,
            }
        }
    }
}

async fn gives_the_pages_that_are_defined(
    test: &str,
    server: &Arc<Postgres>,
    count: usize,
    queries: usize,
    texts: Vec<String>,
) {
    let mut dice = dice(test);
    let backends = Backends::start(server, 2).await.unwrap();
    let made = Made::of(&mut dice, count, texts);
    made.give(&mut dice, &backends.libraries).await;
    let library = &backends.libraries[0];
    assert_eq!(library.status().await.unwrap().songs, count as u64);
    let every = library.search(&Query::all()).await.unwrap();
    assert_eq!(every, Query::all().page(made.songs.clone()));
    for _ in 0..queries {
        let query = made.query(&mut dice);
        made.compare(&mut dice, library, query).await;
    }
    for _ in 0..queries / 10 {
        made.compare_browsing(&mut dice, library).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn few_songs_of_odd_words_come_in_the_order_that_is_defined() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let mut texts: Vec<String> = WORDS.map(str::to_owned).into();
    texts.push("w".repeat(3000));
    texts.push("w".repeat(1996));
    texts.push("w".repeat(2001));
    texts.push("long word ".repeat(25));
    gives_the_pages_that_are_defined("few songs", &server, 80, 600, texts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_songs_with_the_same_words_come_in_the_defined_order() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    // So few words that most queries fit more songs than are ranked one by one.
    let texts = [
        "love", "lovely", "lo", "a", "an", "(a)", "the", "日", "\"love\"",
    ];
    let texts = texts.map(str::to_owned).into();
    gives_the_pages_that_are_defined("many songs", &server, 1500, 200, texts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_come_in_the_order_that_is_defined() {
    let (Some(server), Some(data)) = (servers::shared_postgres(), data::directory("hostile texts"))
    else {
        return;
    };
    let mut texts = data::hostile_texts(&data).unwrap();
    let songs = std::fs::read_to_string(data.join("catalogue/nonlatin.tsv")).unwrap();
    for song in songs.lines().skip(1).step_by(7) {
        texts.extend(song.split('\t').take(3).map(str::to_owned));
    }
    gives_the_pages_that_are_defined("hostile texts", &server, 700, 300, texts).await;
}

/// A database that an older program wrote has neither the forms of words nor the table of them. Whoever opens
/// it makes them, once.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_an_older_database_are_made_anew() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let mut backends = Backends::start(&server, 3).await.unwrap();
    let mut dice = dice("older database");
    let texts = ["R.E.M.", "Die Ärzte", "봄날은간다", "love"].map(str::to_owned);
    let made = Made::of(&mut dice, 450, texts.into());
    made.give(&mut dice, &backends.libraries).await;
    let before = "UPDATE songs SET words = ''::tsvector, title_line = '', artist_line = ''; \
        TRUNCATE forms; UPDATE library SET words = 1";
    backends.database.ask(before).unwrap();
    let asked = ["rem", "aerzte", "날은", "ove"].map(|text| Query::words(text).unwrap());
    for query in &asked {
        let page = backends.libraries[0].search(query).await.unwrap();
        assert!(page.items.is_empty());
    }
    // Several at once: one of them does the work, and the others wait.
    backends.reopen().await.unwrap();
    for library in &backends.libraries {
        for query in &asked {
            let page = library.search(query).await.unwrap();
            assert!(!page.items.is_empty());
            assert_eq!(page, made.right(query));
        }
    }
}
