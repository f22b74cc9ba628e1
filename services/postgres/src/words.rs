//! Words as PostgreSQL keeps and finds them.
//!
//! The words are ours, folded by [`search_words`]; the database neither stems nor folds. In the
//! vector of a song each word stands behind a digit that says where it is: `1love` in the title,
//! `2love` in the artist, `3love` in the album. So an index entry belongs to one field, and no hit
//! has to be looked at again.

use kadenza_contract::{QueryText, Tags, search_words};

/// The most bytes of a word that are indexed. PostgreSQL takes 2046, with the digit and the mark.
const WORD_BYTES_MAX: usize = 2000;
/// The longest word that is looked for in SQL: shorter than what is left of any that was cut.
pub(super) const WANTED_BYTES_MAX: usize = WORD_BYTES_MAX - 4;
/// Stands behind what is left of a word that was cut, so that it is no whole word. No word has it.
const CUT: char = '\u{1}';

const FIELDS: [char; 3] = ['1', '2', '3'];

/// The entries of a song's vector.
pub(super) fn lexemes(tags: &Tags) -> Vec<String> {
    let texts = [tags.title(), tags.artist(), tags.album()];
    let mut lexemes: Vec<String> = FIELDS
        .iter()
        .zip(texts)
        .flat_map(|(field, text)| {
            let words = search_words(text).into_iter();
            words.map(move |word| lexeme(*field, &word))
        })
        .collect();
    lexemes.sort_unstable();
    lexemes.dedup();
    lexemes
}

fn lexeme(field: char, word: &str) -> String {
    let kept = beginning(word, WORD_BYTES_MAX);
    let mut lexeme = format!("{field}{kept}");
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
    pub(super) within: [String; 3],
    /// Each word, anywhere, as a whole.
    pub(super) whole: Vec<String>,
    /// The last word that was typed, if it counts, anywhere, as a whole.
    pub(super) last: Option<String>,
    /// Whether these say exactly what is looked for, or leave in too much.
    pub(super) is_exact: bool,
}

impl Wanted {
    /// The words that a text looks for; `None` if it has none.
    pub(super) fn of(text: &QueryText) -> Option<Wanted> {
        let words: Vec<&str> = text.required().collect();
        if words.is_empty() {
            return None;
        }
        let all = each(&words, |word| anywhere(word, ":*"));
        let within = FIELDS.map(|field| each(&words, |word| quoted(field, word, ":*")));
        let last = text.words().last().filter(|last| words.contains(&&***last));
        Some(Wanted {
            all,
            within,
            whole: words.iter().map(|word| anywhere(word, "")).collect(),
            last: last.map(|last| anywhere(last, "")),
            is_exact: words.iter().all(|word| word.len() <= WANTED_BYTES_MAX),
        })
    }

    /// All words, anywhere, as wholes.
    pub(super) fn all_whole(&self) -> String {
        self.whole.join(" & ")
    }
}

fn each(words: &[&str], of: impl Fn(&str) -> String) -> String {
    let parts: Vec<String> = words.iter().map(|word| of(word)).collect();
    parts.join(" & ")
}

fn anywhere(word: &str, how: &str) -> String {
    let [title, artist, album] = FIELDS.map(|field| quoted(field, word, how));
    format!("({title} | {artist} | {album})")
}

/// An operand between quotes, in which quotes and backslashes stand twice.
fn quoted(field: char, word: &str, how: &str) -> String {
    let word = beginning(word, WANTED_BYTES_MAX);
    let word = word.replace('\\', "\\\\").replace('\'', "''");
    format!("'{field}{word}'{how}")
}
