//! What a search looks for.

use super::{
    forms::{WITHIN_CHARS_MAX, has_long_words, is_whole, without_article, year_form},
    letters::{Expanded, expanded, plain},
    pieces::Pieces,
};

/// The length of the beginnings of forms that a network of libraries keeps lists for, in characters: shorter ones would
/// have a share of all songs that no few machines should hold, and longer ones cannot be asked for while typing.
const TERM_CHARS: usize = 3;
/// The same in scripts where each place inside a word begins a form: two characters are as rare there.
const LONG_WORD_TERM_CHARS: usize = 2;
/// Beginnings that more than 2.5 of 100 songs have (of the 77,615 of a table of playlists), and for which there are no
/// lists for the same reason.
const COMMON: [&str; 11] = [
    "the", "you", "fea", "rem", "lov", "for", "mar", "cha", "and", "edi", "wit",
];

/// How many characters of a word must be typed to be found inside of others.
const INSIDE_CHARS_MIN: usize = 3;
/// How many characters of a word must be typed to be found with a slip.
const SLIP_CHARS_MIN: usize = 5;

/// One thing that a song must have: a form of it must begin with one of these spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    spellings: Vec<String>,
    /// The number of the typed word that it is of.
    pub(crate) word: usize,
}

impl Wanted {
    /// The spellings: at least one, each once.
    #[must_use]
    pub fn spellings(&self) -> &[String] {
        &self.spellings
    }

    /// The term that every song has that has this; `None` if there is none.
    #[must_use]
    pub fn term(&self) -> Option<&str> {
        let mut terms = self.spellings.iter().map(|spelling| term_of(spelling));
        let first = terms.next()??;
        terms.all(|term| term == Some(first)).then_some(first)
    }

    /// Whether a spelling of three characters and more is inside of a form.
    #[must_use]
    pub fn is_inside(&self, form: &str) -> bool {
        !is_whole(form) && self.parts().any(|part| form.contains(part))
    }

    /// Whether a spelling of five characters and more becomes a form by a slip: a letter too many, one
    /// missing, a wrong one, or two in the wrong order.
    #[must_use]
    pub fn is_slip_of(&self, form: &str) -> bool {
        !is_whole(form) && self.mistypable().any(|typed| is_slip(typed, form))
    }

    /// The spellings that may be inside of a form.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.of_length(INSIDE_CHARS_MIN)
    }

    /// The spellings that may have a slip.
    pub fn mistypable(&self) -> impl Iterator<Item = &str> {
        self.of_length(SLIP_CHARS_MIN)
    }

    fn of_length(&self, chars_min: usize) -> impl Iterator<Item = &str> {
        let spellings = self.spellings.iter().map(String::as_str);
        spellings.filter(move |spelling| {
            !is_whole(spelling) && spelling.chars().nth(chars_min - 1).is_some()
        })
    }

    fn of(word: usize, spellings: impl IntoIterator<Item = String>) -> Wanted {
        Wanted {
            spellings: spellings.into_iter().collect(),
            word,
        }
    }
}

/// Whether one text becomes the other by one slip of a letter (the optimal string alignment distance is
/// one).
#[must_use]
pub fn is_slip(typed: &str, form: &str) -> bool {
    if typed.len().abs_diff(form.len()) > 4 {
        return false;
    }
    let equal = typed.chars().zip(form.chars()).take_while(|(a, b)| a == b);
    let equal: usize = equal.map(|(c, _)| c.len_utf8()).sum();
    let (typed, form) = (&typed[equal..], &form[equal..]);
    let behind = |text: &'_ str| -> Option<(char, usize)> {
        let first = text.chars().next()?;
        Some((first, first.len_utf8()))
    };
    let (Some((a, a_end)), Some((b, b_end))) = (behind(typed), behind(form)) else {
        // One of them ends here: the other may have one letter more.
        return typed.chars().count() + form.chars().count() == 1;
    };
    let (typed, form) = ((typed, &typed[a_end..]), (form, &form[b_end..]));
    if typed.1 == form.1 || typed.1 == form.0 || typed.0 == form.1 {
        return true;
    }
    // Two letters in the wrong order.
    typed
        .1
        .strip_prefix(b)
        .is_some_and(|rest| form.1.strip_prefix(a) == Some(rest))
}

/// The term of a form: its first characters. `None` for what has none: what is shorter, what is only found whole, and
/// beginnings that too many songs have.
#[must_use]
pub fn term_of(form: &str) -> Option<&str> {
    if is_whole(form) {
        return None;
    }
    let first = |chars: usize| {
        let mut ends = form.char_indices().map(|(at, c)| at + c.len_utf8());
        ends.nth(chars - 1).map(|end| &form[..end])
    };
    let short = first(LONG_WORD_TERM_CHARS)?;
    if has_long_words(short) {
        return Some(short);
    }
    first(TERM_CHARS).filter(|term| !COMMON.contains(term))
}

/// What a typed text looks for, in the order of its words; symbols beside words are ignored.
pub(crate) fn wanted(text: &str) -> Vec<Wanted> {
    let mut all = items(&plain(text));
    for how in [Expanded::Umlauts, Expanded::Rings] {
        let Some(text) = expanded(text, how) else {
            continue;
        };
        let others = items(&plain(&text));
        // The same words, if two letters for one did not divide one of them otherwise.
        if others.len() == all.len() {
            for (wanted, other) in all.iter_mut().zip(others) {
                wanted.spellings.extend(other.spellings);
            }
        }
    }
    for wanted in &mut all {
        wanted.spellings.sort_unstable();
        wanted.spellings.dedup();
    }
    all
}

fn items(plain: &str) -> Vec<Wanted> {
    let pieces = Pieces::of(plain);
    let only_symbols = pieces.words.iter().all(|word| word.parts.is_empty());
    let mut items = Vec::new();
    let mut number = 0;
    for (at, word) in pieces.words.iter().enumerate() {
        if word.parts.is_empty() && !only_symbols {
            continue;
        }
        if has_long_words(&word.text) {
            let chars: Vec<char> = word.text.chars().collect();
            let cut = chars.chunks(WITHIN_CHARS_MAX);
            items.extend(cut.map(|part| Wanted::of(number, [part.iter().collect()])));
            number += 1;
            continue;
        }
        let mut spellings = vec![without_article(&word.text).unwrap_or(&word.text).to_owned()];
        let compounds = pieces.compounds.iter();
        let joined = compounds.filter(|compound| compound.words.contains(&at));
        spellings.extend(joined.map(|compound| compound.text.clone()));
        for first in [at.checked_sub(1), Some(at)].into_iter().flatten() {
            if pieces.is_pair(first) {
                let pair = &pieces.words[first..first + 2];
                spellings.push(pair.iter().map(|word| &*word.text).collect());
            }
        }
        spellings.retain(|spelling| !has_long_words(spelling));
        if let Ok(year @ 1000..=9999) = word.text.parse::<u32>() {
            spellings.push(year_form(year));
        }
        match word.split() {
            [] => items.push(Wanted::of(number, spellings)),
            parts => {
                for part in parts {
                    let spellings = spellings.iter().cloned().chain([part.clone()]);
                    items.push(Wanted::of(number, spellings));
                }
            }
        }
        number += 1;
    }
    items
}
