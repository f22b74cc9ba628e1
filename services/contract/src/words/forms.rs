//! All spellings under which a text is found.

use super::{
    letters::{Expanded, expanded, plain},
    pieces::Pieces,
};

/// How many characters of a word are found from each place in it, in scripts whose words are written
/// together. What is typed is cut into pieces of this length, so that longer texts are found too.
pub(super) const WITHIN_CHARS_MAX: usize = 16;

/// Stands before what is only found whole. No word has it.
pub(super) const WHOLE: char = '\u{2}';

/// The spellings of a text: each once, in no particular order. A search that fits finds the beginning
/// of one of them.
#[must_use]
pub fn search_forms(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    take(&plain(text), &mut forms);
    for how in [Expanded::Umlauts, Expanded::Rings] {
        if let Some(text) = expanded(text, how) {
            take(&plain(&text), &mut forms);
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The form of a year: it is found by all its digits, never by the first of them.
pub(crate) fn year_form(year: u32) -> String {
    format!("{WHOLE}{year}")
}

/// Whether a form is only found whole.
#[must_use]
pub fn is_whole(form: &str) -> bool {
    form.starts_with(WHOLE)
}

fn take(plain: &str, forms: &mut Vec<String>) {
    let pieces = Pieces::of(plain);
    for word in pieces.words {
        if has_long_words(&word.text) {
            forms.extend(from_each_place(&word.text));
            continue;
        }
        if matches!(word.text.as_str(), "&" | "+") {
            forms.push("and".to_owned());
        }
        forms.extend(word.split().iter().cloned());
        forms.extend(without_article(&word.text).map(str::to_owned));
        forms.push(word.text);
    }
    let compounds = pieces.compounds.into_iter().map(|compound| compound.text);
    forms.extend(compounds.filter(|text| !has_long_words(text)));
}

/// Whether a word has letters of a script that writes words together, or takes endings as words.
pub(super) fn has_long_words(word: &str) -> bool {
    word.chars().any(|c| {
        matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}'
            | '\u{1780}'..='\u{17ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}')
    })
}

fn from_each_place(word: &str) -> impl Iterator<Item = String> + '_ {
    let starts = word.char_indices().map(|(at, _)| at);
    starts.map(|at| word[at..].chars().take(WITHIN_CHARS_MAX).collect())
}

/// An Arabic word without its article, alone or behind a particle.
pub(super) fn without_article(word: &str) -> Option<&str> {
    const ARTICLES: [&str; 6] = ["وال", "بال", "كال", "فال", "ال", "لل"];
    let rest = ARTICLES
        .iter()
        .find_map(|article| word.strip_prefix(article))?;
    (rest.chars().count() >= 2).then_some(rest)
}
