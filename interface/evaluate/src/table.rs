//! The rows that fill the library: those of a file, or a catalogue that is made up.
//!
//! A file is a table with a header: comma-separated with quoting, or tab-separated without, as its
//! first line shows. Nothing else is known of it, so that any table of things with names will do.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    str::FromStr,
};

use csv::{ErrorKind, ReaderBuilder, StringRecord, Terminator};
use kadenza_contract::SongId;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::error::EvaluateError;

/// The most rows that are taken in: all of them are in memory.
const ROWS_MAX: usize = 1_000_000;
/// The longest line that is looked at for a header, in bytes.
const HEADER_BYTES_MAX: u64 = 1 << 20;
/// Help for a column that is not found.
const WHICH: &str = "say which to take with --columns title=…,artist=…,album=…";
/// The artist of rows that name none: a song has an artist.
pub(super) const NOBODY: &str = "Unknown";

/// A thing with a name. The artist and the album may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) title: String,
    pub(super) artist: String,
    pub(super) album: String,
}

impl Row {
    /// Which song it becomes.
    pub(super) fn id(&self) -> SongId {
        SongId::of(&self.title, self.artist_or_nobody(), &self.album)
    }

    /// Its artist, or that there is none.
    pub(super) fn artist_or_nobody(&self) -> &str {
        match self.artist.trim() {
            "" => NOBODY,
            _ => &self.artist,
        }
    }
}

/// Rows, and how many were not taken.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    /// Rows without a title.
    pub(super) untitled: usize,
    /// Rows that are the same song as an earlier one.
    pub(super) same: usize,
}

/// Which columns are title, artist and album: `title=…,artist=…,album=…`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns(BTreeMap<Part, String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Title,
    Artist,
    Album,
}

impl Part {
    const ALL: [Part; 3] = [Part::Title, Part::Artist, Part::Album];

    fn name(self) -> &'static str {
        match self {
            Part::Title => "title",
            Part::Artist => "artist",
            Part::Album => "album",
        }
    }
}

impl FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Columns, String> {
        let wrong = || "expected title=COLUMN,artist=COLUMN,album=COLUMN".to_owned();
        let mut columns = BTreeMap::new();
        for pair in text.split(',') {
            let (part, column) = pair.split_once('=').ok_or_else(wrong)?;
            let part = Part::ALL.into_iter().find(|one| one.name() == part.trim());
            let column = column.trim().to_owned();
            if column.is_empty() || columns.insert(part.ok_or_else(wrong)?, column).is_some() {
                return Err(wrong());
            }
        }
        Ok(Columns(columns))
    }
}

impl Table {
    /// The first rows of a file.
    ///
    /// # Errors
    ///
    /// [`EvaluateError::Usage`] if it cannot be read, is no table, or has no such columns.
    pub(super) fn read(
        path: &Path,
        columns: &Columns,
        rows_max: Option<usize>,
    ) -> Result<Table, EvaluateError> {
        let mut file = Records::open(path)?;
        let wanted = Part::ALL.map(|part| {
            let column = columns.0.get(&part);
            let named = column.map_or(part.name(), String::as_str);
            let at = file.column(named);
            // Columns that were asked for must be there, and so must that of the title.
            match at {
                None if column.is_some() || part == Part::Title => {
                    Err(file.no_column(named, WHICH))
                }
                at => Ok(at),
            }
        });
        let [title, artist, album] = wanted;
        let (title, artist, album) = (title?, artist?, album?);
        let (mut table, mut known) = (Table::default(), HashSet::new());
        while table.rows.len() < rows_max.unwrap_or(ROWS_MAX) {
            let Some(record) = file.next()? else { break };
            let text = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
            let row = Row {
                title: text(title).to_owned(),
                artist: text(artist).to_owned(),
                album: text(album).to_owned(),
            };
            if row.title.trim().is_empty() {
                table.untitled += 1;
            } else if known.insert(row.id()) {
                table.rows.push(row);
            } else {
                table.same += 1;
            }
        }
        match table.rows.is_empty() {
            true => Err(EvaluateError::Usage(format!(
                "{}: no row has a title in the column that was taken for it",
                path.display()
            ))),
            false => Ok(table),
        }
    }

    /// So many songs that nobody wrote.
    pub(super) fn made_up(count: usize, seed: u64) -> Table {
        let mut dice = StdRng::seed_from_u64(seed);
        let (mut table, mut known) = (Table::default(), HashSet::new());
        // A few artists have many songs, most have a few.
        let artists = (count / 12).clamp(1, 20_000);
        while table.rows.len() < count.min(ROWS_MAX) {
            let skewed = dice.random_range(0.0..1.0_f64).powi(2) * artists as f64;
            let artist = skewed as usize;
            let mut word = |words: &[&'static str]| words[dice.random_range(0..words.len())];
            let mut title = format!("{} {}", word(&MOODS), word(&THINGS));
            if known.contains(title.as_str()) {
                title = format!("{title} {} the {}", word(&PLACES), word(&THINGS));
            }
            let row = Row {
                title,
                artist: artist_named(artist),
                album: format!("{} {}", word(&MOODS), word(&THINGS)),
            };
            known.insert(row.title.clone());
            table.rows.push(row);
        }
        let mut ids = HashSet::new();
        let drawn = table.rows.len();
        table.rows.retain(|row| ids.insert(row.id()));
        table.same = drawn - table.rows.len();
        table
    }
}

/// The same name for the same number, another for another.
fn artist_named(number: usize) -> String {
    let (first, rest) = (number % MOODS.len(), number / MOODS.len());
    let (second, rest) = (rest % THINGS.len(), rest / THINGS.len());
    let name = format!("{} {}s", MOODS[first], THINGS[second]);
    match rest {
        0 => name,
        rest => format!("{name} {}", rest + 1),
    }
}

const MOODS: [&str; 32] = [
    "Amber",
    "Blue",
    "Broken",
    "Burning",
    "Clear",
    "Crooked",
    "Distant",
    "Early",
    "Electric",
    "Empty",
    "Faded",
    "Golden",
    "Hidden",
    "Hollow",
    "Late",
    "Little",
    "Lonely",
    "Lost",
    "Midnight",
    "Northern",
    "Paper",
    "Quiet",
    "Restless",
    "Second",
    "Silver",
    "Slow",
    "Summer",
    "Velvet",
    "Wandering",
    "Wild",
    "Winter",
    "Yellow",
];
const THINGS: [&str; 32] = [
    "Arrow", "Avenue", "Bell", "Bridge", "Carousel", "Daughter", "Dream", "Engine", "Evening",
    "Fire", "Garden", "Harbour", "Heart", "House", "Letter", "Light", "Mirror", "Mountain",
    "Ocean", "Orchard", "Parade", "Radio", "Rain", "River", "Season", "Shadow", "Signal",
    "Stranger", "Train", "Valley", "Window", "Wire",
];
const PLACES: [&str; 8] = [
    "above", "after", "against", "before", "behind", "beyond", "under", "without",
];

/// The records of a file, one after the other.
pub(super) struct Records {
    reader: csv::Reader<File>,
    header: StringRecord,
    record: StringRecord,
    name: String,
}

impl Records {
    /// # Errors
    ///
    /// [`EvaluateError::Usage`] if the file cannot be read or has no header.
    pub(super) fn open(path: &Path) -> Result<Records, EvaluateError> {
        let name = path.display().to_string();
        let cannot =
            |cause: &dyn std::fmt::Display| EvaluateError::Usage(format!("{name}: {cause}"));
        let file = File::open(path).map_err(|error| cannot(&error))?;
        let mut first = Vec::new();
        let mut start = BufReader::new(std::io::Read::take(file, HEADER_BYTES_MAX));
        start
            .read_until(b'\n', &mut first)
            .map_err(|error| cannot(&error))?;
        let mut builder = ReaderBuilder::new();
        if first.contains(&b'\t') {
            // Quotes are part of names there, and only a line feed ends a row.
            builder.delimiter(b'\t').quoting(false);
            builder.terminator(Terminator::Any(b'\n'));
        }
        let file = File::open(path).map_err(|error| cannot(&error))?;
        let mut reader = builder.from_reader(file);
        let mut header = reader
            .headers()
            .map_err(|error| told(&name, &error))?
            .clone();
        header.trim();
        if header.is_empty() {
            return Err(cannot(
                &"the file is empty; its first line names the columns",
            ));
        }
        Ok(Records {
            reader,
            header,
            record: StringRecord::new(),
            name,
        })
    }

    /// The place of a column, in whatever case it is written.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        let mut columns = self.header.iter();
        columns.position(|column| column.eq_ignore_ascii_case(name))
    }

    /// The message for a missing column: what to do about it, and which columns there are.
    pub(super) fn no_column(&self, name: &str, advice: &str) -> EvaluateError {
        const SHOWN: usize = 60;
        let mut columns: Vec<&str> = self.header.iter().take(SHOWN).collect();
        if self.header.len() > SHOWN {
            columns.push("…");
        }
        EvaluateError::Usage(format!(
            "{}: there is no column `{name}`; {advice} of: {}",
            self.name,
            columns.join(", ")
        ))
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    ///
    /// [`EvaluateError::Usage`], with the line, if it does not fit the header or is no text.
    pub(super) fn next(&mut self) -> Result<Option<&StringRecord>, EvaluateError> {
        let read = self.reader.read_record(&mut self.record);
        let more = read.map_err(|error| told(&self.name, &error))?;
        if let Some(last) = self.record.iter().next_back()
            && let Some(without) = last.strip_suffix('\r')
        {
            // Lines that end as on Windows, where only a line feed was looked for.
            let without = without.to_owned();
            let kept = self.record.len() - 1;
            self.record.truncate(kept);
            self.record.push_field(&without);
        }
        Ok(more.then_some(&self.record))
    }
}

/// The message for a file with a mistake, with its line.
fn told(name: &str, error: &csv::Error) -> EvaluateError {
    let line = error.position().map_or(0, csv::Position::line);
    EvaluateError::Usage(match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!(
            "{name}: line {line} has {len} fields, and the first line names {expected_len} columns"
        ),
        ErrorKind::Utf8 { .. } => format!("{name}: line {line} is no UTF-8 text"),
        ErrorKind::Io(cause) => format!("{name}: {cause}"),
        _ => format!("{name}: line {line}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use kadenza_terminal::chain;

    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn file(text: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file
    }

    fn read(text: &[u8], columns: &str) -> Result<Table, String> {
        let columns = match columns {
            "" => Columns::default(),
            columns => columns.parse().unwrap(),
        };
        Table::read(file(text).path(), &columns, None).map_err(|error| chain(&error))
    }

    fn row(title: &str, artist: &str, album: &str) -> Row {
        let [title, artist, album] = [title, artist, album].map(str::to_owned);
        Row {
            title,
            artist,
            album,
        }
    }

    #[test]
    fn commas_and_quotes_are_those_of_csv() {
        let table = read(
            b"\xef\xbb\xbfTitle,Artist,Album\r\n\"One, two\",\"She said \"\"no\"\"\",\"three\nfour\"\r\n",
            "",
        );
        let expected = row("One, two", "She said \"no\"", "three\nfour");
        assert_eq!(table.unwrap().rows, [expected]);
    }

    #[test]
    fn between_tabs_quotes_are_text_and_carriage_returns_end_no_row() {
        let table = read(
            b"title\tartist\talbum\tgenre\n\"Heroes\" (\tB,o\"w\tA\rB\t\nLast\tX\tY\tZ\r\n",
            "",
        );
        let expected = [row("\"Heroes\" (", "B,o\"w", "A\rB"), row("Last", "X", "Y")];
        assert_eq!(table.unwrap().rows, expected);
    }

    #[test]
    fn columns_of_any_table_are_named() {
        let text = b"rowid,name,kind\n1,K1,CONFIRMED\n2,K2,\n";
        let table = read(text, "title=name, album=KIND").unwrap();
        assert_eq!(table.rows, [row("K1", "", "CONFIRMED"), row("K2", "", "")]);
        assert_eq!(table.rows[1].artist_or_nobody(), NOBODY);
        for columns in ["", "title=nome", "title=name,artist=who"] {
            let told = read(text, columns).unwrap_err();
            assert!(told.contains("rowid, name, kind"), "{told}");
        }
    }

    #[test]
    fn untitled_rows_and_repeated_songs_are_left_out_and_counted() {
        let text = "title\tartist\n\tA\n  \tA\nSong\tB\nSONG \tb\nＳong\tB\nSong\tC\n";
        let table = read(text.as_bytes(), "").unwrap();
        assert_eq!(table.rows, [row("Song", "B", ""), row("Song", "C", "")]);
        assert_eq!((table.untitled, table.same), (2, 2));
    }

    #[test]
    fn a_wrong_row_is_told_with_its_line() {
        for (text, expected) in [
            (&b"title,artist\na,b\nc\n"[..], "line 3 has 1 fields"),
            (b"title,artist\na,\xff\n", "line 2 is no UTF-8"),
            (b"", "the file is empty"),
            (b"title\n \n", "no row has a title"),
        ] {
            let told = read(text, "").unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
        let missing = Table::read(Path::new("/no/such"), &Columns::default(), None);
        assert!(chain(&missing.unwrap_err()).contains("/no/such"));
        for wrong in ["title", "title=", "name=x", "title=a,title=b", ""] {
            assert!(wrong.parse::<Columns>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_catalogue_is_made_up_the_same_for_the_same_seed() {
        let table = Table::made_up(2000, 7);
        assert!(table.rows.len() > 1900, "{}", table.rows.len());
        assert_eq!(table.rows, Table::made_up(2000, 7).rows);
        assert_ne!(table.rows, Table::made_up(2000, 8).rows);
        let ids: HashSet<SongId> = table.rows.iter().map(Row::id).collect();
        assert_eq!(ids.len(), table.rows.len());
    }

    #[test]
    fn real_tables_are_read_whole() {
        let Some(data) = std::env::var_os("KADENZA_DATA") else {
            eprintln!("skipped: real tables (set KADENZA_DATA to the directory of real data)");
            return;
        };
        let data = Path::new(&data);
        let kepler = "title=kepoi_name,artist=kepler_name,album=koi_disposition";
        for (file, columns, all) in [
            ("kepler/cumulative.csv", kepler, 9564),
            ("catalogue/chinook_3503.tsv", "", 3503),
            ("catalogue/nonlatin.tsv", "", 1226),
            ("catalogue/near_duplicates.tsv", "", 261),
            ("catalogue/spotify_playlists_78k.tsv", "", 77_615),
            ("strings/real_nasty_songs.tsv", "", 617),
        ] {
            let columns = columns.parse().unwrap_or_default();
            let table = Table::read(&data.join(file), &columns, None).unwrap();
            assert_eq!(
                table.rows.len() + table.untitled + table.same,
                all,
                "{file}"
            );
        }
    }
}
