//! The questions that are asked over HTTP, and the loads that are made of them.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    fs::File,
    io::{BufRead, BufReader, Read},
    ops::Range,
    path::Path,
};

use clap::ValueEnum;
use kadenza_contract::{SongId, identity_fold};

use crate::error::EvaluateError;
use crate::{
    loads::{self, LoadKind, REQUESTS_MAX},
    table::{Records, Row},
};

/// How many songs a search asks for.
const LIMIT: &str = "20";
/// The longest line of a file of searches, in bytes; the HTTP interface takes no longer text.
const LINE_BYTES_MAX: u64 = 12 << 10;
/// Columns that say how often a song is asked for, the first one that is there.
const WEIGHTS: [&str; 5] = ["weight", "plays", "playcount", "playlists", "count"];

/// The kind of question about a song.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Ask {
    /// A search for the words of its title and artist
    Search,
    /// The song by its id
    Song,
    /// A search for one half of the songs, the id for the other half
    Mixed,
}

/// A question, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) about: About,
    /// The song that must be in the answer, where one was asked for.
    pub(super) expected: Option<SongId>,
}

/// The subject of a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum About {
    /// The words of a search.
    Words(String),
    /// The id of a song.
    Song(SongId),
}

impl Question {
    fn of(row: &Row, id: SongId, song: bool) -> Question {
        let about = match song {
            true => About::Song(id),
            // The artist of rows that name none is not searched for.
            false => About::Words(format!("{} {}", row.title, row.artist).trim().to_owned()),
        };
        Question {
            about,
            expected: Some(id),
        }
    }

    /// The path and the query of its URL.
    pub(super) fn path(&self) -> String {
        const SONGS: &str = "/api/v1/songs";
        match &self.about {
            About::Song(id) => format!("{SONGS}/{id}"),
            About::Words(words) => {
                let query = [("q", words.as_str()), ("limit", LIMIT)];
                let url = reqwest::Url::parse_with_params("http://localhost", query)
                    .expect("parameters of any text make a URL");
                format!("{SONGS}?{}", url.query().unwrap_or_default())
            }
        }
    }
}

/// The songs of the library, and what may be asked of them.
#[derive(Debug)]
pub(super) struct Questions {
    all: Vec<Question>,
    /// The row of each.
    rows: Vec<Row>,
}

impl Questions {
    /// A question for each song. Songs that are asked for in the same words have one together: a
    /// cache cannot tell them apart.
    pub(super) fn of(songs: &[(Row, SongId)], ask: Ask) -> Questions {
        let mut known = HashSet::new();
        let (mut all, mut rows) = (Vec::new(), Vec::new());
        for (row, id) in songs {
            let song = match ask {
                Ask::Search => false,
                Ask::Song => true,
                // The id is a hash: as good as a coin, and the same one in every run.
                Ask::Mixed => id.as_bytes()[0] & 1 == 1,
            };
            let question = Question::of(row, *id, song);
            if known.insert(question.about.clone()) {
                all.push(question);
                rows.push(row.clone());
            }
        }
        Questions { all, rows }
    }
}

/// Questions in the order in which they are asked.
#[derive(Debug, PartialEq)]
pub(super) struct Load {
    /// As it is shown.
    pub(super) name: String,
    /// Each of them is asked at least once; they are numbered as they come up.
    pub(super) questions: Vec<Question>,
    /// Which question each request asks.
    pub(super) order: Vec<u32>,
    /// Requests that are sent at the same time, by many.
    pub(super) bursts: Vec<Range<usize>>,
}

impl Load {
    /// So many requests by a law, or all that a file has.
    ///
    /// # Errors
    ///
    /// [`EvaluateError::Usage`] if a file cannot be used.
    pub(super) fn new(
        kind: &LoadKind,
        of: &Questions,
        requests: Option<usize>,
        requests_default: usize,
        seed: u64,
    ) -> Result<Load, EvaluateError> {
        let count = requests.unwrap_or(requests_default);
        let questions = of.all.len();
        let drawn = match kind {
            LoadKind::Uniform => loads::uniform(questions, count, seed),
            LoadKind::Zipf(exponent) => loads::zipf(*exponent, questions, count, seed),
            LoadKind::Bursts => loads::bursts(questions, count, seed),
            LoadKind::Weights(path) => loads::drawn_by(&weights(path, &of.rows)?, count, seed),
            LoadKind::Replay(path) => {
                let asked = replay(path, requests.unwrap_or(REQUESTS_MAX))?;
                let order = (0..asked.len() as u32).collect();
                return Ok(Load::renumbered(
                    kind.to_string(),
                    &asked,
                    order,
                    Vec::new(),
                ));
            }
        };
        let name = kind.to_string();
        Ok(Load::renumbered(name, &of.all, drawn.order, drawn.bursts))
    }

    fn renumbered(
        name: String,
        all: &[Question],
        mut order: Vec<u32>,
        bursts: Vec<Range<usize>>,
    ) -> Load {
        let mut numbers: HashMap<&About, u32> = HashMap::new();
        let mut questions = Vec::new();
        for request in &mut order {
            let question = &all[*request as usize];
            let fresh = questions.len() as u32;
            *request = match numbers.entry(&question.about) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => {
                    questions.push(question.clone());
                    *unknown.insert(fresh)
                }
            };
        }
        Load {
            name,
            questions,
            order,
            bursts,
        }
    }
}

/// The lines of a file, as searches.
fn replay(path: &Path, lines_max: usize) -> Result<Vec<Question>, EvaluateError> {
    let told =
        |what: &dyn std::fmt::Display| EvaluateError::Usage(format!("{}: {what}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(|error| told(&error))?);
    let mut questions = Vec::new();
    let mut number = 0;
    while questions.len() < lines_max {
        let mut line = Vec::new();
        let mut bounded = file.by_ref().take(LINE_BYTES_MAX);
        let length = bounded
            .read_until(b'\n', &mut line)
            .map_err(|error| told(&error))?;
        if length == 0 {
            break;
        }
        number += 1;
        if line.last() != Some(&b'\n') && length as u64 == LINE_BYTES_MAX {
            return Err(told(&format!(
                "line {number} is longer than a search may be"
            )));
        }
        let words = String::from_utf8(line)
            .map_err(|_| told(&format!("line {number} is no UTF-8 text")))?;
        if !words.trim().is_empty() {
            questions.push(Question {
                about: About::Words(words.trim().to_owned()),
                expected: None,
            });
        }
    }
    match questions.is_empty() {
        true => Err(told(&"there is no search in it; it has one in each line")),
        false => Ok(questions),
    }
}

/// Looks whether a load has its file, as far as that can be told without the library.
///
/// # Errors
///
/// [`EvaluateError::Usage`] if not.
pub(super) fn check(kind: &LoadKind) -> Result<(), EvaluateError> {
    match kind {
        LoadKind::Uniform | LoadKind::Zipf(_) | LoadKind::Bursts => Ok(()),
        LoadKind::Weights(path) => Weighted::open(path).map(|_| ()),
        LoadKind::Replay(path) => replay(path, 1).map(|_| ()),
    }
}

/// A table that says how often songs are asked for, and where it says what.
struct Weighted {
    file: Records,
    title: usize,
    artist: Option<usize>,
    weight: usize,
}

impl Weighted {
    fn open(path: &Path) -> Result<Weighted, EvaluateError> {
        let file = Records::open(path)?;
        let title = file.column("title").ok_or_else(|| {
            file.no_column("title", "give this name to the one that has the title,")
        })?;
        let weight = WEIGHTS.iter().find_map(|name| file.column(name));
        let weight = weight.ok_or_else(|| {
            EvaluateError::Usage(format!(
                "{}: no column says how often a song is asked for; one of {} does",
                path.display(),
                WEIGHTS.join(", ")
            ))
        })?;
        Ok(Weighted {
            artist: file.column("artist"),
            file,
            title,
            weight,
        })
    }
}

/// The weight of each row, by a file with titles, artists and numbers.
fn weights(path: &Path, rows: &[Row]) -> Result<Vec<f64>, EvaluateError> {
    let told = |what: String| EvaluateError::Usage(format!("{}: {what}", path.display()));
    let Weighted {
        mut file,
        title,
        artist,
        weight,
    } = Weighted::open(path)?;
    let key = |title: &str, artist: &str| (identity_fold(title), identity_fold(artist));
    let mut by_name: HashMap<(String, String), f64> = HashMap::new();
    while let Some(record) = file.next()? {
        let text = |at: usize| record.get(at).unwrap_or_default();
        let number = text(weight);
        let line = record.position().map_or(0, csv::Position::line);
        let number: f64 = match number.trim().parse() {
            Ok(number) if (0.0..1e15).contains(&number) => number,
            _ => return Err(told(format!("line {line}: `{number}` is no weight"))),
        };
        let name = key(text(title), artist.map_or("", text));
        *by_name.entry(name).or_default() += number;
    }
    let weight = |row: &Row| by_name.get(&key(&row.title, &row.artist)).copied();
    let weights: Vec<f64> = rows.iter().map(|row| weight(row).unwrap_or(0.0)).collect();
    match weights.iter().any(|weight| *weight > 0.0) {
        true => Ok(weights),
        false => Err(told(
            "none of its songs is in the library; it belongs to another --table".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use kadenza_terminal::chain;

    use super::*;
    use crate::table::Table;

    fn songs(count: usize) -> Vec<(Row, SongId)> {
        let rows = Table::made_up(count, 1).rows;
        rows.into_iter()
            .map(|row| (row.clone(), row.id()))
            .collect()
    }

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_question_is_a_url_whatever_its_words() {
        let words = |words: &str| Question {
            about: About::Words(words.to_owned()),
            expected: None,
        };
        assert_eq!(
            words("AC/DC & 100% é?#").path(),
            "/api/v1/songs?q=AC%2FDC+%26+100%25+%C3%A9%3F%23&limit=20"
        );
        let (row, id) = songs(1).remove(0);
        let path = Question::of(&row, id, true).path();
        assert_eq!(path, format!("/api/v1/songs/{id}"));
    }

    #[test]
    fn songs_that_are_asked_for_in_the_same_words_share_a_question() {
        let row = |album: &str| Row {
            title: "Intro".into(),
            artist: "Them".into(),
            album: album.into(),
        };
        let songs = ["a", "b"].map(|album| (row(album), row(album).id()));
        assert_eq!(Questions::of(&songs, Ask::Search).all.len(), 1);
        assert_eq!(Questions::of(&songs, Ask::Song).all.len(), 2);
    }

    #[test]
    fn questions_are_numbered_as_they_come_up_and_none_is_left_over() {
        let questions = Questions::of(&songs(500), Ask::Mixed);
        let load = Load::new(&LoadKind::Zipf(0.8), &questions, Some(2000), 0, 5).unwrap();
        let mut next = 0;
        for question in &load.order {
            assert!(*question <= next);
            next = next.max(question + 1);
        }
        assert_eq!(load.questions.len(), next as usize);
        let words = load
            .questions
            .iter()
            .filter(|question| matches!(question.about, About::Words(_)));
        let words = words.count() as f64 / load.questions.len() as f64;
        assert!((0.4..0.6).contains(&words), "{words}");
        let again = Load::new(&LoadKind::Zipf(0.8), &questions, Some(2000), 0, 5).unwrap();
        assert_eq!(load, again);
    }

    #[test]
    fn a_file_of_searches_is_asked_line_by_line() {
        let questions = Questions::of(&songs(5), Ask::Search);
        let log = file("blue river\r\n\n  rain \nblue river\nlast");
        let load = |requests| {
            let kind = LoadKind::Replay(log.path().to_owned());
            Load::new(&kind, &questions, requests, 1, 0).unwrap()
        };
        assert_eq!(load(None).order, [0, 1, 0, 2]);
        assert_eq!(
            load(None).questions[1].about,
            About::Words("rain".to_owned())
        );
        assert_eq!(load(Some(2)).order, [0, 1]);
        for (text, expected) in [
            ("\n\n", "no search"),
            (&"x".repeat(20_000), "line 1 is longer"),
        ] {
            let log = file(text);
            let kind = LoadKind::Replay(log.path().to_owned());
            let told = chain(&Load::new(&kind, &questions, None, 1, 0).unwrap_err());
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn weights_are_found_by_title_and_artist() {
        let songs = songs(50);
        let questions = Questions::of(&songs, Ask::Search);
        let (row, _) = &songs[7];
        let text = format!(
            "plays\ttitle\tartist\n5\t{}\t{}\n9\tNobody's\tSong\n",
            row.title.to_uppercase(),
            row.artist
        );
        let weighted = file(&text);
        let kind = LoadKind::Weights(weighted.path().to_owned());
        let load = Load::new(&kind, &questions, Some(20), 1, 0).unwrap();
        assert_eq!(load.questions.len(), 1);
        for (text, expected) in [
            ("title\tartist\na\tb\n", "how often"),
            ("title\tplays\na\tmany\n", "line 2: `many`"),
            ("title\tplays\na\t3\n", "none of its songs"),
        ] {
            let weighted = file(text);
            let kind = LoadKind::Weights(weighted.path().to_owned());
            let told = chain(&Load::new(&kind, &questions, None, 1, 0).unwrap_err());
            assert!(told.contains(expected), "{told}");
        }
    }
}
