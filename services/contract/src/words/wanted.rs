//! What a search looks for.

use super::{
    forms::{WHOLE, WITHIN_CHARS_MAX, has_long_words, without_article, year_form},
    letters::{Expanded, expanded, plain},
    pieces::Pieces,
};

/// The longest beginning of a form that a network of libraries keeps lists for, in characters.
const TERM_CHARS_MAX: usize = 4;

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

    /// The longest term that every song has that has this; `None` if there is none.
    #[must_use]
    pub fn term(&self) -> Option<String> {
        let mut terms = self.spellings.iter().map(|spelling| term_of(spelling));
        let first = terms.next()?;
        let common = terms.fold(first, |common, term| {
            let equal = common.chars().zip(term.chars());
            equal.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        });
        (!common.is_empty()).then_some(common)
    }

    fn of(word: usize, spellings: impl IntoIterator<Item = String>) -> Wanted {
        Wanted {
            spellings: spellings.into_iter().collect(),
            word,
        }
    }
}

/// The longest term of a form: its first characters.
#[must_use]
pub fn term_of(form: &str) -> String {
    if form.starts_with(WHOLE) {
        return form.chars().skip(1).collect();
    }
    let mut chars_max = TERM_CHARS_MAX;
    let begins = form.char_indices().nth(TERM_CHARS_MAX / 2);
    if has_long_words(&form[..begins.map_or(form.len(), |(at, _)| at)]) {
        // Each place in such a word begins a form, and short beginnings are rare there.
        chars_max /= 2;
    }
    form.chars().take(chars_max).collect()
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
