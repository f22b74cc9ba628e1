//! Words as PostgreSQL keeps and finds them.
//!
//! The words are ours, in the forms that [`fields`] gives; the database neither stems nor folds. In the
//! vector of a song each form stands behind a digit that says where it is: `1love` in the title,
//! `2love` in the artist, `3love` in the album, `4love` in all else. So an index entry belongs to one
//! field, and no hit has to be looked at again.

use kadenza_contract::{
    QueryText, Tags,
    order::{self, FIELDS, fields},
};

/// The most bytes of a word that are indexed. PostgreSQL takes 2046, with the digit and the mark.
const WORD_BYTES_MAX: usize = 2000;
/// The longest word that is looked for in SQL: shorter than what is left of any that was cut.
pub(super) const WANTED_BYTES_MAX: usize = WORD_BYTES_MAX - 4;
/// Stands behind what is left of a word that was cut, so that it is no whole word. No word has it.
const CUT: char = '\u{1}';

/// What stands before the forms of each field.
const MARKS: [char; FIELDS] = ['1', '2', '3', '4'];
/// How many fields have a class of hits of their own: title, artist and album.
const CLASSED: usize = 3;

/// The entries of a song's vector.
pub(super) fn lexemes(tags: &Tags) -> Vec<String> {
    let mut lexemes: Vec<String> = MARKS
        .iter()
        .zip(fields(tags))
        .flat_map(|(mark, forms)| forms.into_iter().map(move |form| lexeme(*mark, &form)))
        .collect();
    lexemes.sort_unstable();
    lexemes.dedup();
    lexemes
}

fn lexeme(mark: char, word: &str) -> String {
    let kept = beginning(word, WORD_BYTES_MAX);
    let mut lexeme = format!("{mark}{kept}");
    if kept.len() < word.len() {
        lexeme.push(CUT);
    }
    lexeme
}

/// At most so many bytes from the start of a text, whole characters.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The words that are looked for, as text of type `tsquery`.
#[derive(Debug)]
pub(super) struct Wanted {
    /// All words, anywhere, at least as beginnings.
    pub(super) all: String,
    /// All words in the title, in the artist, in the album, at least as beginnings.
    pub(super) within: [String; CLASSED],
    /// Each word, anywhere, as a whole.
    pub(super) whole: Vec<String>,
    /// The last word that was typed, if it counts, anywhere, as a whole.
    pub(super) last: Option<String>,
    /// Whether the last word is one thing to look for. Of a title that begins with what was typed, that
    /// alone may be partial then.
    pub(super) is_last_one: bool,
    /// Whether these say exactly what is looked for, or leave in too much.
    pub(super) is_exact: bool,
}

impl Wanted {
    /// The words that a text looks for; `None` if it has none.
    pub(super) fn of(text: &QueryText) -> Option<Wanted> {
        let words = text.required();
        if words.is_empty() {
            return None;
        }
        let all = each(words, |word| anywhere(word, ":*"));
        let within: [String; CLASSED] =
            std::array::from_fn(|at| each(words, |word| of_field(MARKS[at], word, ":*")));
        let mut spellings = words.iter().flat_map(order::Wanted::spellings);
        Some(Wanted {
            all,
            within,
            whole: words.iter().map(|word| anywhere(word, "")).collect(),
            last: text.last().map(|last| anywhere(last, "")),
            is_last_one: text.is_last_one(),
            is_exact: spellings.all(|spelling| spelling.len() <= WANTED_BYTES_MAX),
        })
    }

    /// All words, anywhere, as wholes.
    pub(super) fn all_whole(&self) -> String {
        self.whole.join(" & ")
    }
}

/// Any of these forms anywhere, as text of type `tsquery`.
pub(super) fn forms_within(forms: &[String]) -> String {
    let marked = |form: &String| MARKS.map(|mark| operand(&lexeme(mark, form)));
    either(forms.iter().flat_map(marked))
}

fn each(words: &[order::Wanted], of: impl Fn(&order::Wanted) -> String) -> String {
    let parts: Vec<String> = words.iter().map(of).collect();
    parts.join(" & ")
}

fn anywhere(word: &order::Wanted, how: &str) -> String {
    either(MARKS.iter().map(|mark| of_field(*mark, word, how)))
}

fn of_field(mark: char, word: &order::Wanted, how: &str) -> String {
    let spellings = word.spellings().iter();
    either(spellings.map(|spelling| quoted(mark, spelling, how)))
}

fn either(parts: impl Iterator<Item = String>) -> String {
    format!("({})", parts.collect::<Vec<_>>().join(" | "))
}

fn quoted(mark: char, word: &str, how: &str) -> String {
    let word = beginning(word, WANTED_BYTES_MAX);
    operand(&format!("{mark}{word}")) + how
}

/// An operand between quotes, in which quotes and backslashes stand twice.
fn operand(lexeme: &str) -> String {
    format!("'{}'", lexeme.replace('\\', "\\\\").replace('\'', "''"))
}
