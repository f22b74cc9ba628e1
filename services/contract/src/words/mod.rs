//! The words of a text, as search sees them.
//!
//! What one person writes as `R.E.M.`, `L'été`, `Ärzte` or `ヴィーナス`, another types as `rem`, `ete`, `aerzte` or
//! `びぃなす`. So a text has *words*, one reading of it in its order, and *forms*, all the spellings under which
//! it is found. A search looks for [items](wanted), each a few spellings of which one must begin a form.

mod forms;
mod letters;
mod pieces;
mod wanted;

pub(crate) use forms::year_form;
pub use forms::{is_whole, search_forms};
pub(crate) use wanted::wanted;
pub use wanted::{Wanted, is_slip, term_of};

use pieces::Pieces;

/// The words of a text, in their order, as search sees them: folded, without accents.
///
/// A word is a run of letters and digits; apostrophes inside are dropped (`don't` is `dont`). A
/// character of a script that is written without spaces (Han, kana) is a word by itself. A piece
/// between spaces that has no letter or digit at all (`!!!`, `???`) is a word too, since some
/// songs and artists have no other name.
#[must_use]
pub fn search_words(text: &str) -> Vec<String> {
    let pieces = Pieces::of(&letters::plain(text));
    pieces.words.into_iter().map(|word| word.text).collect()
}

#[cfg(test)]
mod tests;
