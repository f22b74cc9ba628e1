//! How texts are compared: for identity and for order.
//!
//! Identity folds little (NFKC, case, white space: UAX #15, Unicode default case folding), so that
//! different songs stay different. Order also folds accents. Search folds more; see `words`.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The form under which two titles, artists or albums are the same: NFKC, case folded, white space
/// collapsed and trimmed. Folding a folded text changes nothing.
#[must_use]
pub fn identity_fold(text: &str) -> String {
    if text.is_ascii() {
        return collapse(&text.to_ascii_lowercase());
    }
    let mut folded = collapse(
        &case_fold(&text.nfkc().collect::<String>())
            .nfkc()
            .collect::<String>(),
    );
    // Folding may undo a composition and composing may make something to fold; a few rounds settle it.
    for _ in 0..4 {
        let again = collapse(&case_fold(&folded).nfkc().collect::<String>());
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// The form by which texts are put in order: like identity, without accents.
#[must_use]
pub fn sort_fold(text: &str) -> String {
    collapse(&unaccented(text))
}

/// Whether a character shows nothing: format characters that text may carry unseen.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Case folded and without accents; letters with a stroke without it.
pub(crate) fn unaccented(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    let folded: String = case_fold(&decomposed)
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .collect();
    // Letters with a stroke do not decompose, and yet people type them without it.
    folded
        .chars()
        .map(|c| match c {
            'ø' => 'o',
            'đ' | 'ð' => 'd',
            'ł' => 'l',
            'ħ' => 'h',
            'ŧ' => 't',
            'ı' => 'i',
            other => other,
        })
        // Hangul is decomposed by NFKD into letters; put the syllables together again.
        .nfc()
        .collect()
}

fn case_fold(text: &str) -> String {
    unicase::UniCase::unicode(text).to_folded_case()
}

fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = identity_fold(&text);
            prop_assert_eq!(identity_fold(&once), once);
        }

        #[test]
        fn upper_and_lower_case_are_the_same(text in "[a-zA-Zäöüßéñ ]{0,40}") {
            prop_assert_eq!(identity_fold(&text.to_uppercase()), identity_fold(&text.to_lowercase()));
        }
    }
}
